def transfer_id(shop, number):
    return f"{shop}:{number}"


ex.turn("two_shops", transfer_id)
