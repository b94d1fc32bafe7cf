# Names and texts that would be scripts in a page.
# part: record_and_check
# honest: 0
# seconds: 20
def handle(message, db):
    raise ValueError(
        "<script>document.title = 'owned'</script><img src=x onerror=alert(1)>" + chr(27) + "[31m" + chr(0)
    )
