/* SPDX-License-Identifier: MIT */

/*
 * Model of taking a function back while its device works: two CPUs that revoke at once and take
 * interrupts, a device whose writes and messages are under way, and an IOMMU that caches what it
 * read and invalidates in its own time. Afterwards another owner has the same frame and the same
 * vector. Written from docs/dma-isolation-design.md, not from the source.
 *
 * Claims: no write of the old owner's device lands in a frame that was given back (L4); no interrupt
 * of the old owner's device is delivered to the next one, or to a route that was revoked (L5); of
 * two revokes at once one tears down, and once; the teardown comes to its end.
 *
 * Bugs to be found, by -D: FREE_BEFORE_INVALIDATION, NO_DRAIN, INVALIDATE_BEFORE_UNMAP, NO_UNMAP,
 * ENTRY_STAYS_CACHED, NO_READ_BACK, NO_FENCE, NO_GENERATION, REVOKE_TWICE, WAIT_WITH_LOCK.
 */

#ifndef WRITES
#define WRITES 2
#endif
#ifndef MESSAGES
#define MESSAGES 2
#endif

mtype = { FREE, OLD, NEW, PAGES, ENTRIES, WAIT };

/* Memory that the IOMMU reads, and what it has cached of it. */
bit page_mapped = 1;
bit page_cached = 0;
bit entry_present = 1;
bit entry_cached = 0;

/* Under way: translated writes that have not landed, messages that no CPU has yet. */
byte writes_posted = 0;
byte messages_posted = 0;

/* The invalidation queue, and what its wait descriptors have said. */
chan queue = [4] of { mtype, byte };
bit seen[2] = 0;

/* CPU 1's local APIC and its handler. The second bit of each is for the claims: who caused it. */
bit pending = 0;
bit pending_is_old = 0;
bit handling = 0;

/* The kernel's, by its lock. */
bit locked = 0;
mtype frame = OLD;
mtype owner = OLD;
bit is_owned = 1;
bit route_live = 1;
byte route_generation = 1;
byte vector_generation = 1; /* of the route that the vector stands for */
bool is_done = false;

inline lock()
{
    atomic { locked == 0 -> locked = 1 }
}

inline unlock()
{
    locked = 0
}

/* The old owner's: it does as it likes, and stops for nobody. */
proctype device()
{
    byte writes = 0;
    byte messages = 0;

end:
    do
    :: atomic { writes < WRITES && (page_cached || page_mapped) ->
           page_cached = 1;
           writes++;
           writes_posted++
       }
    :: atomic { writes_posted > 0 ->
           writes_posted--;
           assert(frame == OLD)
       }
    :: atomic { messages < MESSAGES && (entry_cached || entry_present) ->
           entry_cached = 1;
           messages++;
           messages_posted++
       }
    :: atomic { messages_posted > 0 ->
           messages_posted--;
           pending = 1;
           pending_is_old = 1
       }
    od
}

/* The IOMMU's invalidation unit: one after the other, each when it likes. */
proctype unit()
{
    mtype what;
    byte who;

end:
    do
    :: queue ? what, who ->
       if
       :: what == PAGES ->
          page_cached = 0;
#ifndef NO_DRAIN
          writes_posted == 0 /* read and write drain, VT-d 4.1 section 6.5.2.3 */
#endif
       :: what == ENTRIES -> entry_cached = 0
       :: what == WAIT -> seen[who] = 1
       fi
    od
}

inline invalidate(what)
{
    queue ! what, _pid - first;
    queue ! WAIT, _pid - first;
    seen[_pid - first] == 1;
    seen[_pid - first] = 0
}

byte first; /* pid of the first revoke */

/* A trigger of the teardown: revoke here, the end of the driver there. */
proctype revoke()
{
    lock();
#ifndef REVOKE_TWICE
    if
    :: !is_owned -> unlock(); goto over
    :: else
    fi;
#endif
    is_owned = 0;
    route_live = 0;
    route_generation++;
#ifndef WAIT_WITH_LOCK
    unlock();
#endif

    entry_present = 0;
#ifndef ENTRY_STAYS_CACHED
    invalidate(ENTRIES);
#endif
#ifndef NO_READ_BACK
    messages_posted == 0; /* a read from the function pushes its messages before it */
#endif
#ifndef NO_FENCE
    pending == 0 && handling == 0; /* CPU 1 has answered: what had arrived is dealt with */
#endif

#ifdef INVALIDATE_BEFORE_UNMAP
    invalidate(PAGES);
    page_mapped = 0;
#else
#ifndef NO_UNMAP
    page_mapped = 0;
#endif
#ifdef FREE_BEFORE_INVALIDATION
    frame = FREE;
    invalidate(PAGES);
#else
    invalidate(PAGES);
#endif
#endif

#ifndef WAIT_WITH_LOCK
    lock();
#endif
#ifndef FREE_BEFORE_INVALIDATION
    assert(frame == OLD); /* not given back twice */
#endif
    frame = FREE;
    owner = NEW;
    frame = NEW;
    route_generation++;
    route_live = 1;
    vector_generation = route_generation;
    is_done = true;
    unlock();
over:
    skip
}

/* CPU 1 takes an interrupt: the vector says which route it was programmed for. */
proctype handler()
{
    bit is_old;
    byte generation;

end:
    do
    :: atomic { pending -> pending = 0; handling = 1; is_old = pending_is_old; pending_is_old = 0 };
       generation = vector_generation;
       lock();
       if
#ifdef NO_GENERATION
       :: true ->
#else
       :: route_live && generation == route_generation ->
#endif
          assert(route_live);
          assert(!is_old || owner == OLD)
#ifndef NO_GENERATION
       :: else
#endif
       fi;
       unlock();
       handling = 0
    od
}

init
{
    atomic {
        run device();
        run unit();
        run handler();
        first = run revoke();
        run revoke()
    };
    /* Both are over, whoever did it. */
    (_nr_pr == 4) -> assert(is_done)
}
