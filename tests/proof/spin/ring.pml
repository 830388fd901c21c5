/* SPDX-License-Identifier: MIT */

/*
 * Model of the completion side of lib/ring with the kernel around it, on x86-TSO: a thread reads
 * completions and sleeps in cap_enter; two CPUs of the kernel promise and post completions under
 * the ring's lock. Written from the protocol's description, not from the source.
 *
 * Claims: unread and promised completions together never exceed DEPTH; none is overwritten before
 * it was read, lost or doubled; the thread never sleeps for good.
 *
 * Bugs to be found, by -D: NO_LOCK, RESERVE_OFF_BY_ONE, RESERVE_FORGETS, POST_FIRST,
 * CONSUME_FIRST, SLEEP_WITHOUT_LOOK, NO_WAKE.
 */

#ifndef DEPTH
#define DEPTH 2
#endif
#ifndef EACH
#define EACH 2 /* completions that each CPU posts */
#endif
#define TOTAL   (2 * EACH)
#define MODULUS 8
#define START   7
#define BUFFER  6

mtype = { HEAD, TAIL, ENTRY, UNLOCK };

/* Shared memory; an entry is 1 + the number of its completion. */
byte cq_head = START;
byte cq_tail = START;
byte entry[DEPTH];

chan user_buffer = [BUFFER] of { mtype, byte, byte };
chan cpu_buffer_0 = [BUFFER] of { mtype, byte, byte };
chan cpu_buffer_1 = [BUFFER] of { mtype, byte, byte };

/* The kernel's side, under the lock: its stores pass through the buffers only where the thread or
 * a CPU without the lock could tell. */
bit locked = 0;
byte tail = START;
byte head_seen = START;
byte reserved = 0;
bit waiting = 0;
bool wake = false;

/* What is true. */
byte posted = 0;
byte consumed = 0;
byte sum = 0; /* of the numbers of the completions posted and not read */

#define DISTANCE(to, from) (((to) + MODULUS - (from)) % MODULUS)
#define DRAINED(buffer)    (len(buffer) == 0)

#ifdef NO_LOCK
#define LOCK(buffer)   skip
#define UNLOCK_(buffer) skip
#else
#define LOCK(buffer)   atomic { DRAINED(buffer) && locked == 0 -> locked = 1 }
#define UNLOCK_(buffer) buffer ! UNLOCK, 0, 0
#endif

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
           :: which == HEAD -> cq_head = value
           :: which == TAIL -> cq_tail = value
           :: which == ENTRY -> entry[place] = value
           :: which == UNLOCK -> locked = 0
           fi;
           which = HEAD;
           place = 0;
           value = 0
       }
    od
}

#ifdef RESERVE_OFF_BY_ONE
#define ROOM (DISTANCE(tail, head_seen) + reserved <= DEPTH)
#else
#ifdef RESERVE_FORGETS
#define ROOM (DISTANCE(tail, head_seen) < DEPTH)
#else
#define ROOM (DISTANCE(tail, head_seen) + reserved < DEPTH)
#endif
#endif

proctype cpu(chan buffer)
{
    byte done = 0;
    byte seen;
    byte slot;
    bit must_wake;
    bool promised;

    do
    :: done == EACH -> break
    :: done < EACH ->
       /* Promise. */
       do
       :: LOCK(buffer);
          if
          :: ROOM
          :: else ->
             head_seen = cq_head;
             assert(DISTANCE(tail, head_seen) <= DEPTH)
          fi;
          promised = ROOM;
          seen = head_seen;
          if
          :: promised -> reserved = reserved + 1
          :: else
          fi;
          assert(DISTANCE(tail, (START + consumed) % MODULUS) + reserved <= DEPTH);
          UNLOCK_(buffer);
          if
          :: promised -> break
          :: else -> cq_head != seen
          fi
       od;

       /* Post. */
       LOCK(buffer);
       slot = tail;
#ifdef POST_FIRST
       buffer ! TAIL, 0, (slot + 1) % MODULUS;
#endif
       buffer ! ENTRY, slot % DEPTH, posted + 1;
       atomic { posted++; sum = sum + posted };
       reserved = reserved - 1;
       tail = (slot + 1) % MODULUS;
       buffer ! TAIL, 0, tail;
       must_wake = waiting;
#ifndef NO_WAKE
       waiting = 0;
#endif
       UNLOCK_(buffer);
#ifdef NO_WAKE
       must_wake = 0;
#endif
       if
       :: must_wake -> atomic { DRAINED(buffer) -> wake = true }
       :: else
       fi;
       atomic { done++; must_wake = 0; slot = 0; seen = 0 }
    od
}

proctype user()
{
    byte head = START;
    byte copy;
    bit enough;

    do
    :: consumed == TOTAL -> break
    :: consumed < TOTAL ->
       if
       :: cq_tail == head ->
          /* cap_enter, min_complete = 1: the same CPU, so it sees its own head. */
          do
          :: LOCK(user_buffer);
#ifdef SLEEP_WITHOUT_LOOK
             enough = 0;
#else
             enough = (tail != head);
#endif
             if
             :: enough -> waiting = 0
             :: else -> waiting = 1
             fi;
             UNLOCK_(user_buffer);
             if
             :: enough -> break
             :: else -> atomic { DRAINED(user_buffer) && wake -> wake = false };
#ifdef SLEEP_WITHOUT_LOOK
                break
#endif
             fi
          od
       :: else ->
#ifdef CONSUME_FIRST
          user_buffer ! HEAD, 0, (head + 1) % MODULUS;
#endif
          copy = entry[head % DEPTH];
          assert(copy == consumed + 1);
          atomic {
              sum = sum - copy;
              consumed++;
              head = (head + 1) % MODULUS;
              copy = 0
          };
          user_buffer ! HEAD, 0, head
       fi
    od;
    assert(sum == 0 && posted == TOTAL)
}

init {
    atomic {
        run drain(user_buffer);
        run drain(cpu_buffer_0);
        run drain(cpu_buffer_1);
        run user();
        run cpu(cpu_buffer_0);
        run cpu(cpu_buffer_1)
    }
}
