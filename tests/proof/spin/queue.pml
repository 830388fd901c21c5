/* SPDX-License-Identifier: MIT */

/*
 * Model of lib/queue: one producer, one consumer, on x86-TSO.
 *
 * Other than in tests/explore, every store, entries included, goes through a store buffer, and the
 * code is written anew from the protocol's description: the two have no mistakes in common.
 * Indices count modulo MODULUS instead of 2^32, so that they wrap within a run.
 *
 * Claims: every entry arrives once, whole and in order; the producer never overwrites an entry that
 * was not given back; the indices never look impossible to an honest peer; the consumer never
 * sleeps for good (an end state in which it waits is an error that Spin reports by itself).
 *
 * Bugs to be found, by -D: NO_PRODUCER_FENCE, NO_CONSUMER_FENCE, LOOK_BEFORE_CLEAR, PUBLISH_FIRST,
 * GIVE_BACK_FIRST, CAPACITY_OFF_BY_ONE, FLAG_STAYS_SET, CHECK_BEFORE_PUBLISH.
 */

#ifndef CAPACITY
#define CAPACITY 2
#endif
#ifndef ENTRIES
#define ENTRIES 5
#endif
#define MODULUS 8 /* a multiple of CAPACITY */
#define START   7 /* the second entry's index is the first after the wrap */
#define BUFFER  6

mtype = { TAIL, HEAD, FLAG, ENTRY };

/* Shared memory. */
byte tail = START;
byte head = START;
bit signalled = 0;
byte entry[CAPACITY];

/* Stores on their way there: which, which entry, value. */
chan producer_buffer = [BUFFER] of { mtype, byte, byte };
chan consumer_buffer = [BUFFER] of { mtype, byte, byte };

/* The notification. */
bool pending = false;

/* What is true, for the claims: entries put, and entries copied out. */
byte put = 0;
byte taken = 0;

#define DISTANCE(to, from) (((to) + MODULUS - (from)) % MODULUS)
#define DRAINED(buffer)    (len(buffer) == 0)

proctype drain(chan buffer)
{
    mtype which;
    byte place;
    byte value;

end:
    do
    :: atomic {
           buffer ? which, place, value ->
           if
           :: which == TAIL -> tail = value
           :: which == HEAD -> head = value
           :: which == FLAG -> signalled = value
           :: which == ENTRY -> entry[place] = value
           fi;
           which = TAIL;
           place = 0;
           value = 0
       }
    od
}

proctype producer()
{
    byte my_tail = START;
    byte head_seen = START;
    bit flag;

    do
    :: put == ENTRIES -> break
    :: put < ENTRIES ->
#ifdef CAPACITY_OFF_BY_ONE
       if
       :: DISTANCE(my_tail, head_seen) >= CAPACITY + 1 ->
#else
       if
       :: DISTANCE(my_tail, head_seen) == CAPACITY ->
#endif
          /* A spinning producer: goes on when there is something new to see. */
          atomic { head != head_seen -> head_seen = head };
          assert(DISTANCE(my_tail, head_seen) <= CAPACITY)
       :: else
       fi;
#ifdef PUBLISH_FIRST
       producer_buffer ! TAIL, 0, (my_tail + 1) % MODULUS;
#endif
       producer_buffer ! ENTRY, my_tail % CAPACITY, put;
       my_tail = (my_tail + 1) % MODULUS;
       put++;
#ifdef CHECK_BEFORE_PUBLISH
       atomic {
           if
           :: producer_buffer ?? [FLAG, 0, 1] -> flag = 1
           :: else -> flag = signalled
           fi
       };
#endif
       producer_buffer ! TAIL, 0, my_tail;
#ifndef NO_PRODUCER_FENCE
       DRAINED(producer_buffer);
#endif
#ifndef CHECK_BEFORE_PUBLISH
       /* Its own store, if that is still on its way: it only ever stores a one. */
       atomic {
           if
           :: producer_buffer ?? [FLAG, 0, 1] -> flag = 1
           :: else -> flag = signalled
           fi
       };
#endif
       if
       :: flag == 0 ->
          producer_buffer ! FLAG, 0, 1;
          /* A system call: the kernel's lock drains the buffer. */
          atomic { DRAINED(producer_buffer) -> pending = true }
       :: else
       fi
    od
}

proctype consumer()
{
    byte my_head = START;
    byte tail_seen = START;
    byte copy;

    do
    :: taken == ENTRIES -> break
    :: taken < ENTRIES ->
       /* take */
       if
       :: tail_seen == my_head ->
          tail_seen = tail;
          assert(DISTANCE(tail_seen, my_head) <= CAPACITY)
       :: else
       fi;
       if
       :: tail_seen != my_head ->
#ifdef GIVE_BACK_FIRST
          consumer_buffer ! HEAD, 0, (my_head + 1) % MODULUS;
#endif
          copy = entry[my_head % CAPACITY];
          assert(copy == taken);
          atomic { taken++; my_head = (my_head + 1) % MODULUS; copy = 0 }
       :: else ->
          /* release, prepare_wait */
          consumer_buffer ! HEAD, 0, my_head;
#ifdef LOOK_BEFORE_CLEAR
          tail_seen = tail;
#endif
#ifndef FLAG_STAYS_SET
          consumer_buffer ! FLAG, 0, 0;
#endif
#ifndef NO_CONSUMER_FENCE
          DRAINED(consumer_buffer);
#endif
#ifndef LOOK_BEFORE_CLEAR
          tail_seen = tail;
#endif
          assert(DISTANCE(tail_seen, my_head) <= CAPACITY);
          if
          :: tail_seen == my_head ->
             /* A system call; signals merge. */
             atomic { DRAINED(consumer_buffer) && pending -> pending = false }
          :: else ->
             consumer_buffer ! FLAG, 0, 1
          fi
       fi
    od
}

init {
    atomic {
        run drain(producer_buffer);
        run drain(consumer_buffer);
        run producer();
        run consumer()
    }
}
