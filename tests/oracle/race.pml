/* Every statement its own transaction: UPDATE account; INSERT INTO processed, or the other way round (`mark_first`);
   before it SELECT FROM processed, to return where the message is marked (`look_first`). A duplicate mark is an
   exception, which leaves the handler. `commit_apart`: the COMMIT of a statement is a step of its own, as in Python's
   legacy transaction control; else it is part of the statement. */

#include "state.pml"
#include "database.pml"

#define LOOK     1
#define FIRST    2 /* and FIRST + 1, SECOND + 1: their COMMIT */
#define SECOND   4
#define ROLLBACK 6

bool look_first, mark_first, commit_apart;

inline choose_handler() {
    if :: look_first = true :: look_first = false fi;
    if :: mark_first = true :: mark_first = false fi;
    if :: commit_apart = true :: commit_apart = false fi
}

inline print_handler() { printf("%d %d %d", look_first, mark_first, commit_apart) }

inline refuse() { at[me] = REFUSED }

inline write() {
    write_lock();
    if
    :: outcome == DONE && mark_first == (at[me] == SECOND) -> credit(); at[me]++
    :: outcome == DONE && mark_first == (at[me] == FIRST) ->
        if
        :: is_marked -> at[me] = ROLLBACK
        :: else -> mark(); at[me]++
        fi
    :: else
    fi
}

inline end_statement() {
    if
    :: at[me] == FIRST + 1 -> commit(); at[me] = SECOND
    :: at[me] == SECOND + 1 -> commit(); at[me] = RETURNED
    :: at[me] == ROLLBACK -> end_transaction(); at[me] = FAILED
    :: else
    fi
}

inline statement() {
    if
    :: at[me] == LOOK -> at[me] = (look_first && (marks & bit(message[me])) -> RETURNED : FIRST)
    :: at[me] == FIRST || at[me] == SECOND ->
        write();
        if
        :: !commit_apart -> end_statement()
        :: else
        fi
    :: else -> end_statement()
    fi;
    outcome = DONE
}

#include "queue.pml"
