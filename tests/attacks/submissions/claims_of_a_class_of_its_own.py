# Its claims are a dict that says something else each time.
# part: claims
# honest: 0
# seconds: 20
class Claims(dict):
    def __getitem__(self, name):
        return True

    def items(self):
        return [(name, name != "toggle") for name in self]

    def __class_getitem__(cls, item):
        return cls


claims = Claims({"raise_to_minimum": True, "toggle": True})
