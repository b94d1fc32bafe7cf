/* The rules of the queue and of the faults, for two consumers: an account of its own, for another program, of what the
   course promises. It shares no line with the simulation.

   A model says in `statement()` what a handler does: carry out the statement that `at[me]` names and set `at[me]` to
   the next one; in `refuse()`, what it does when told "database is locked"; in `print_contents()`, what it leaves
   behind. It includes state.pml first and this file last.

   Which handler, which journal mode and how many messages is chosen at the start. Each end of a run is printed with
   that and with the faults that it took, so that one exhaustive exploration serves all bounds. */

#define faults (crashes + losses + redeliveries + timeouts)

/* Whether consumer i could make a step that is no fault. */
#define can_step(i) ((at[i] != IDLE && !waiting[i]) || (at[i] == IDLE && len(ready) > 0))

inline to_the_front(m) {
    ready ! m;
    turns = len(ready) - 1;
    do
    :: turns > 0 -> ready ? moved; ready ! moved; turns--
    :: else -> break
    od;
    turns = 0; moved = 0
}

inline give_back() { /* at the end of the queue; to whoever asks next, be it the same consumer */
    ready ! message[me]
}

inline stop() { /* the delivery is over, and what was open is rolled back */
    end_transaction();
    at[me] = IDLE; message[me] = 0; current[me] = false; waiting[me] = false; stalled[me] = false; tries[me] = 0
}

active [2] proctype consumer() {
end:
    do
    :: atomic { at[me] == IDLE && len(ready) > 0 ->
            ready ? message[me];
            current[me] = true; at[me] = 1 }

    :: atomic { at[me] != IDLE && at[me] < RETURNED && !waiting[me] ->
            statement() }

    :: atomic { at[me] == RETURNED -> /* acknowledged; ignored, where the queue has delivered it again */
            stop() }

    :: atomic { at[me] == FAILED || at[me] == REFUSED ->
            if
            :: current[me] ->
                if
                :: at[me] == FAILED -> exceptions[message[me]]++
                :: else
                fi;
                if
                :: exceptions[message[me]] == 3 -> dead = dead | bit(message[me])
                :: else -> give_back()
                fi
            :: else /* somebody else has it */
            fi;
            stop() }

    /* What is left are the faults. A! */
    :: atomic { at[me] != IDLE && crashes == 0 && faults < FAULTS ->
            crashes++;
            if
            :: current[me] -> give_back()
            :: else
            fi;
            stop() }

    /* +A */
    :: atomic { at[me] != IDLE && current[me] && redeliveries == 0 && faults < FAULTS ->
            redeliveries++;
            current[me] = false;
            to_the_front(message[me]) }

    /* A~ */
    :: atomic { at[me] == RETURNED && current[me] && losses == 0 && faults < FAULTS ->
            losses++;
            ready ! message[me];
            stop() }

    /* A? */
    :: atomic { waiting[me] && !stalled[me] && can_step(other) && timeouts == 0 && faults < FAULTS ->
            timeouts++;
            stalled[me] = true; waiting[me] = false;
            refuse() }

    /* A? where it is free: nothing else can go on, or the same stall has outlasted a wait before */
    :: atomic { waiting[me] && (stalled[me] || !can_step(other)) ->
            waiting[me] = false;
            refuse() }
    od
}

active proctype queue() {
    atomic {
        choose_handler();
        if :: wal = true :: wal = false fi;
        if :: messages = 1 :: messages = 2 fi;
        ready ! 0;
        if
        :: messages == 2 -> ready ! 1
        :: else
        fi
    }
    atomic { len(ready) == 0 && at[0] == IDLE && at[1] == IDLE ->
        printf("final: handler ");
        print_handler();
        printf(", wal %d, messages %d, ", wal, messages);
        printf("faults %d %d %d %d, dead %d, ", crashes, losses, redeliveries, timeouts, dead);
        print_contents();
        printf("\n") }
}
