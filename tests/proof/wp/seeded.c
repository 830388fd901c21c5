/* SPDX-License-Identifier: MIT */

/*
 * Contracts that do not hold, one way each: tests/proof/wp/prove must say so of every function
 * here.
 */
#include <stdint.h>

/*@ assigns \nothing;
    ensures \result > number; */
static inline uint32_t seeded_wrong_result(uint32_t number)
{
    return number + 1;
}

/*@ assigns \nothing; */
static inline uint32_t seeded_bad_pointer(const uint32_t *place)
{
    return *place;
}

/*@ requires \valid(place) && \valid(other) && \separated(place, other);
    assigns *place; */
static inline void seeded_writes_elsewhere(uint32_t *place, uint32_t *other)
{
    *place = 1;
    *other = 2;
}

/*@ requires number < 3 && number > 5;
    assigns \nothing;
    ensures \result == 9; */
static inline uint32_t seeded_contradiction(uint32_t number)
{
    return number;
}

/*@ assigns \nothing;
    ensures \result == 9; */
static inline uint32_t seeded_endless_proof(uint32_t count)
{
    uint32_t number = 0;

    /*@ loop invariant number <= count;
        loop assigns number;
        loop variant count - number; */
    while (number < count) {
        number += 2;
    }
    return 9;
}

struct seeded_account {
    uint32_t limit;
    uint32_t used;
};

/* The sum wraps: what is much too large is charged. */
/*@ requires \valid(account) && account->used <= account->limit;
    assigns account->used;
    ensures account->used <= account->limit;
    ensures \result != 0 ==> account->used == \old(account->used) + count; */
static inline int seeded_charge_wraps(struct seeded_account *account, uint32_t count)
{
    if (account->used + count > account->limit) {
        return 0;
    }
    account->used += count;
    return 1;
}
