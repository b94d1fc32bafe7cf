/* One SQLite database, two connections: an account, which statements credit, and the messages marked as processed.

   https://sqlite.org/lockingv3.html, https://sqlite.org/isolation.html, https://sqlite.org/c3ref/busy_handler.html:
   who has read and then finds the write lock taken is refused at once, as is who writes on an old snapshot (WAL); for a
   fresh lock, and for a COMMIT while others read (rollback journal), a connection waits. */

#define NONE    0
#define READS   1
#define WRITES  2
#define PENDING 3 /* waits in a COMMIT, and keeps new readers out */

#define DONE    0
#define BLOCKED 1 /* waits: the same statement again when the other lets go */
#define LOCKED  2 /* refused at once */

byte credits;            /* committed: how often the account was credited */
byte marks;              /* committed: which messages are marked, as bits */
byte own_credits[2];     /* the same, as the open transaction sees it */
byte own_marks[2];
byte lock[2];
bool old[2];             /* WAL: somebody has committed since the snapshot */
bool changed[2];
byte outcome;

inline snapshot() { own_credits[me] = credits; own_marks[me] = marks; old[me] = false; changed[me] = false }

inline read_lock() {
    if
    :: lock[me] != NONE -> outcome = DONE
    :: lock[me] == NONE && lock[other] == PENDING -> outcome = BLOCKED
    :: else -> snapshot(); lock[me] = READS; outcome = DONE
    fi;
    waiting[me] = (outcome == BLOCKED)
}

inline write_lock() {
    if
    :: lock[me] >= WRITES -> outcome = DONE
    :: lock[me] == READS && (lock[other] >= WRITES || old[me]) -> outcome = LOCKED
    :: lock[me] == NONE && lock[other] >= WRITES -> outcome = BLOCKED
    :: else ->
        if
        :: lock[me] == NONE -> snapshot()
        :: else
        fi;
        lock[me] = WRITES; outcome = DONE
    fi;
    waiting[me] = (outcome == BLOCKED)
}

inline end_transaction() { /* what is not committed is gone; whoever waits, or was refused, may try again */
    if
    :: lock[me] != NONE -> waiting[other] = false; stalled[other] = false
    :: else
    fi;
    lock[me] = NONE; own_credits[me] = 0; own_marks[me] = 0; old[me] = false; changed[me] = false
}

inline commit() {
    if
    :: !wal && lock[me] >= WRITES && lock[other] == READS ->
        lock[me] = PENDING; waiting[me] = true; outcome = BLOCKED
    :: else ->
        if
        :: lock[me] >= WRITES && changed[me] ->
            credits = own_credits[me]; marks = own_marks[me];
            old[other] = (wal && lock[other] == READS)
        :: else
        fi;
        end_transaction();
        outcome = DONE
    fi
}

#define is_marked   (own_marks[me] & bit(message[me]))
#define credit()    own_credits[me]++; changed[me] = true
#define mark()      own_marks[me] = own_marks[me] | bit(message[me]); changed[me] = true

inline print_contents() { printf("credits %d marks %d", credits, marks) }
