def tick_and_count(db):
    with db.atomic():
        for row in list(db.query(DUE)):
            if db.execute(TICK + " AND NOT settled", row).rowcount == 1:
                db.execute(ADD, row)


ex.turn("settle_by_count", schema, enter, tick_and_count)
