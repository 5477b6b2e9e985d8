// SPDX-License-Identifier: GPL-2.0-only
/*
 * A processor may be slow anywhere: an SMI, a host that does not run it, memory that is far. -finstrument-functions makes each edge of a
 * function of the hypervisor such a place. What a CPU's mood is changes now and then: it runs through, it is slow anywhere, or it is
 * slow at one function, again and again, which is what it takes where two steps must come between two others.
 */
#include <sched.h>
#include <unistd.h>
#include "cpus.h"
#include "core/frame.h"
#include "core/npt.h"

#define SEEN		1024		/* functions, by their addresses */
#define MOOD_EDGES	50000		/* that a mood lasts, at most; or so many rests: */
#define MOOD_RESTS	3
#define REST_US		8000		/* at most; others do some hundred calls meanwhile */

/* Locks that whatever a domain does needs. */
#define ALL_WAIT	(1U << RANK_DOMAINS | 1U << RANK_FRAME | 1U << RANK_NPT)

enum mood { QUICK, JUMPY, SLOW, AT_ONE_PLACE };
#define MOODS	6		/* as often as all others: at one place */

static void *seen[SEEN];
static __thread struct {
	enum mood mood;
	uint32_t left, rests;
	void *place;
} now;
/* Two, since how often a CPU passes a place hangs on others: what dom0 and guests draw does not. */
static __thread uint64_t random_state, mood_state;

#define UNSEEN __attribute__((no_instrument_function))

UNSEEN static uint64_t step(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s >> 8;
}

void chance_start(unsigned int cpu, uint64_t seed)
{
	random_state = 0x9e3779b97f4a7c15ULL * (seed * (CPUS + 1) + cpu + 1) | 1;
	for (int i = 0; i < 16; i++)
		(void)step(&random_state);
	mood_state = step(&random_state) | 1;
}

uint64_t chance(void)
{
	return step(&random_state);
}

/* Half the time one in which frames change hands, where being late costs most; else any, each as likely as others that are called oftener. */
UNSEEN static void *some_place(void *here)
{
	static void *const hands[] = {
		(void *)frame_hold, (void *)frame_give, (void *)frame_release, (void *)npt_map, (void *)npt_unmap, (void *)domain_flush_tlb,
		(void *)vcpu_kick, (void *)domain_get,
	};

	if (step(&mood_state) % 2)
		return hands[step(&mood_state) % ARRAY_SIZE(hands)];
	for (int i = 0; i < 16; i++) {
		void *f = __atomic_load_n(&seen[step(&mood_state) % SEEN], __ATOMIC_RELAXED);

		if (f)
			return f;
	}
	return here;
}

UNSEEN static void change_mood(void *here)
{
	now.mood = step(&mood_state) % MOODS;
	now.left = 1000 + step(&mood_state) % (now.mood < AT_ONE_PLACE ? MOOD_EDGES / 5 : MOOD_EDGES);
	now.rests = MOOD_RESTS;
	now.place = some_place(here);
}

/* Mostly short, seldom as long as it takes for a frame to go to dom0 and to come back. */
UNSEEN static void rest(void)
{
	uint64_t us = step(&mood_state) % REST_US >> step(&mood_state) % 6;

	/* With one of these held others wait rather than do what could come between: less often. */
	if ((cpus[this_cpu_id].lock_ranks & ALL_WAIT) && step(&mood_state) % 32)
		return;
	usleep((useconds_t)us);
	if (!--now.rests)
		now.left = 0;
}

UNSEEN static void edge(void *f)
{
	if (!now.left--)
		change_mood(f);
	if (now.left % 16 == 0)
		__atomic_store_n(&seen[((uintptr_t)f >> 4) % SEEN], f, __ATOMIC_RELAXED);
	switch (now.mood) {
	case QUICK:
		break;
	case JUMPY:
		if (!(step(&mood_state) % 256))
			sched_yield();
		break;
	case SLOW:
		if (!(step(&mood_state) % 4096))
			rest();
		break;
	default:
		if (f == now.place && step(&mood_state) % 2)
			rest();
	}
}

void __cyg_profile_func_enter(void *f, void *caller);
UNSEEN void __cyg_profile_func_enter(void *f, void *caller)
{
	(void)caller;
	edge(f);
}

void __cyg_profile_func_exit(void *f, void *caller);
UNSEEN void __cyg_profile_func_exit(void *f, void *caller)
{
	(void)caller;
	edge(f);
}

void stall(void)
{
	edge(__builtin_return_address(0));
}

/* Who is waited for may be asleep: this process is not the only one of the host. */
void give_way(void)
{
	static __thread uint32_t n;

	if (++n % 16)
		sched_yield();
	else
		usleep(20);
}
