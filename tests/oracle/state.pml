/* What there is to know of the queue and of the two consumers between two steps. */

#define me     _pid
#define other  (1 - _pid)
#define bit(m) (1 << (m))
#ifndef FAULTS
#define FAULTS 3 /* together, at most one of a kind */
#endif

/* at[i]: idle, or the number of the next statement (from 1), or how the handler has ended. */
#define IDLE     0
#define RETURNED 100
#define FAILED   101 /* an exception */
#define REFUSED  102 /* "database is locked": not counted towards the dead letters */

bool wal;            /* the journal mode: -log or rollback */
byte messages;       /* how many */
chan ready = [2] of { byte };
byte exceptions[2];  /* of each message */
byte dead;           /* messages, as bits */
byte at[2];
byte message[2];
bool current[2];     /* the queue has not delivered it again since */
bool waiting[2];     /* for a lock */
bool stalled[2];     /* a wait of its has timed out, and the lock is still held */
byte tries[2];
byte crashes, losses, redeliveries, timeouts;
byte turns, moved;
