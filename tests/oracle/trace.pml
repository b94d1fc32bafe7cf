/* A handler that keeps a diary: a row when it begins and another when it ends, each its own transaction. What an
   account hides, the diary shows: who came after whom, how often, and how far. `raises`: in place of the second row
   an exception, always. */

#include "state.pml"

bool raises;
byte diary[12];
byte rows;

inline choose_handler() { if :: raises = true :: raises = false fi }
inline print_handler() { printf("%d", raises) }

inline refuse() { assert(false) }
inline end_transaction() { skip }

inline statement() {
    diary[rows] = 10 * (message[me] + 1) + at[me];
    rows++;
    if
    :: at[me] == 1 -> at[me] = (raises -> FAILED : 2)
    :: else -> at[me] = RETURNED
    fi
}

inline print_contents() {
    printf("diary");
    turns = 0;
    do
    :: turns < rows -> printf(" %d", diary[turns]); turns++
    :: else -> break
    od
}

#include "queue.pml"
