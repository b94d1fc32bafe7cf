/* One transaction a delivery:

       BEGIN; INSERT INTO processed; UPDATE account; COMMIT             the mark's key refuses duplicates
       BEGIN; SELECT FROM processed; UPDATE account; INSERT; COMMIT     `check_first`

   `immediate`: BEGIN IMMEDIATE. `most_tries`: so often is a locked transaction tried in one delivery. When the last
   try has failed the error leaves the handler; with `swallow` it returns, as if all were well. */

#include "state.pml"
#include "database.pml"

#define BEGIN     1
#define LOOK      2
#define INSERT    3
#define UPDATE    4
#define COMMIT    5
#define DUPLICATE 6 /* ROLLBACK, and return */
#define GIVE_UP   7 /* ROLLBACK, and try again */

bool check_first, immediate, swallow;
byte most_tries;

inline choose_handler() {
    if :: check_first = true :: check_first = false fi;
    if :: immediate = true :: immediate = false fi;
    if :: swallow = true :: swallow = false fi;
    if :: most_tries = 1 :: most_tries = 3 fi
}

inline print_handler() { printf("%d %d %d %d", check_first, immediate, swallow, most_tries) }

inline after_refusal() {
    tries[me]++;
    if
    :: tries[me] < most_tries -> at[me] = BEGIN
    :: tries[me] == most_tries && swallow -> at[me] = RETURNED
    :: else -> at[me] = REFUSED
    fi
}

inline refuse() {
    if
    :: at[me] == BEGIN -> after_refusal() /* nothing is open */
    :: else -> at[me] = GIVE_UP
    fi
}

inline statement() {
    if
    :: at[me] == BEGIN ->
        if
        :: immediate -> write_lock()
        :: else
        fi;
        if
        :: outcome == DONE -> at[me] = (check_first -> LOOK : INSERT)
        :: else
        fi

    :: at[me] == LOOK ->
        read_lock();
        if
        :: outcome == DONE -> at[me] = (is_marked -> DUPLICATE : UPDATE)
        :: else
        fi

    :: at[me] == INSERT ->
        write_lock();
        if
        :: outcome == DONE && is_marked -> at[me] = DUPLICATE
        :: outcome == DONE && !is_marked -> mark(); at[me] = (check_first -> COMMIT : UPDATE)
        :: outcome == LOCKED -> refuse()
        :: outcome == BLOCKED
        fi

    :: at[me] == UPDATE ->
        write_lock();
        if
        :: outcome == DONE -> credit(); at[me] = (check_first -> INSERT : COMMIT)
        :: outcome == LOCKED -> refuse()
        :: outcome == BLOCKED
        fi

    :: at[me] == COMMIT ->
        commit();
        if
        :: outcome == DONE -> at[me] = RETURNED
        :: else
        fi

    :: at[me] == DUPLICATE -> end_transaction(); at[me] = RETURNED

    :: at[me] == GIVE_UP -> end_transaction(); after_refusal()
    fi;
    outcome = DONE
}

#include "queue.pml"
