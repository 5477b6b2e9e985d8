/* SPDX-License-Identifier: GPL-2.0-only */
#include "sample.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *sample_counter_to_string(unsigned counter)
{
	static const char *const names[SAMPLE_KIND] = {
		[SAMPLE_CPU_NS] = "cpu_ns", [SAMPLE_STEAL_NS] = "steal_ns",
		[SAMPLE_EXITS] = "exits", [SAMPLE_HALTS] = "halts", [SAMPLE_INTERRUPTS] = "interrupts",
		[SAMPLE_EVENTS_IN] = "events_in", [SAMPLE_EVENTS_OUT] = "events_out",
		[SAMPLE_RX_BYTES] = "rx_bytes", [SAMPLE_RX_PACKETS] = "rx_packets",
		[SAMPLE_TX_BYTES] = "tx_bytes", [SAMPLE_TX_PACKETS] = "tx_packets",
		[SAMPLE_RD_REQ] = "rd_req", [SAMPLE_WR_REQ] = "wr_req", [SAMPLE_OTHER_REQ] = "other_req",
		[SAMPLE_RD_SECT] = "rd_sect", [SAMPLE_WR_SECT] = "wr_sect",
	};

	return counter < SAMPLE_KIND ? names[counter] : zendo_exit_kind_to_string(counter - SAMPLE_KIND);
}

void sample_set(struct sample_counters *c, unsigned counter, uint64_t value)
{
	c->known |= SAMPLE_BIT(counter);
	c->value[counter] = value;
}

struct sample_domain *sample_add_domain(struct sample *s)
{
	struct sample_domain *grown = reallocarray(s->domains, s->nr + 1, sizeof(*grown));

	if (!grown)
		return NULL;
	s->domains = grown;
	grown[s->nr] = (struct sample_domain) {};
	return &grown[s->nr++];
}

struct sample_part *sample_add_part(struct sample_domain *d, enum sample_kind kind, uint32_t id)
{
	struct sample_part *grown = reallocarray(d->parts, d->nr_parts + 1, sizeof(*grown));

	if (!grown)
		return NULL;
	d->parts = grown;
	grown[d->nr_parts] = (struct sample_part) { .kind = kind, .id = id, .cpu = -1 };
	return &grown[d->nr_parts++];
}

void sample_done(struct sample *s)
{
	for (size_t i = 0; i < s->nr; i++)
		free(s->domains[i].parts);
	free(s->domains);
	*s = (struct sample) {};
}

/* ---- two of them -------------------------------------------------------------------------- */

static uint64_t grown_by(uint64_t old, uint64_t new)
{
	return new < old && old <= INT64_MAX ? new : new - old;
}

static void compare_counters(const struct sample_counters *old, const struct sample_counters *new, double seconds, struct sample_rate *ret)
{
	ret->known = new->known;
	for (unsigned i = 0; i < SAMPLE_NR; i++)
		if (new->known & SAMPLE_BIT(i) && seconds > 0)
			ret->per_second[i] = (double)grown_by(old ? old->value[i] : 0, new->value[i]) / seconds;
}

static const struct sample_domain *find_domain_of(const struct sample *s, const struct sample_domain *d)
{
	for (size_t i = 0; s && i < s->nr; i++)
		if (s->domains[i].domid == d->domid && s->domains[i].created_ns == d->created_ns)
			return &s->domains[i];
	return NULL;
}

static const struct sample_part *find_part_of(const struct sample_domain *d, const struct sample_part *p)
{
	for (size_t i = 0; d && i < d->nr_parts; i++)
		if (d->parts[i].kind == p->kind && d->parts[i].id == p->id)
			return &d->parts[i];
	return NULL;
}

/* What the domain does not count itself is what its parts count together. */
static void add_part(struct sample_rate *sum, const struct sample_rate *part, uint64_t own)
{
	for (unsigned i = 0; i < SAMPLE_NR; i++)
		if (part->known & SAMPLE_BIT(i) && !(own & SAMPLE_BIT(i))) {
			sum->known |= SAMPLE_BIT(i);
			sum->per_second[i] += part->per_second[i];
		}
}

static void compare_domain(const struct sample_domain *old, const struct sample_domain *new, double seconds, struct sample_rates *r)
{
	struct sample_rate *sum = &r->rows[r->nr++];

	sum->domain = new;
	compare_counters(old ? &old->counters : NULL, &new->counters, seconds, sum);
	for (size_t i = 0; i < new->nr_parts; i++) {
		const struct sample_part *before = find_part_of(old, &new->parts[i]);
		struct sample_rate *row = &r->rows[r->nr++];

		row->domain = new;
		row->part = &new->parts[i];
		compare_counters(before ? &before->counters : NULL, &new->parts[i].counters, seconds, row);
		add_part(sum, row, new->counters.known);
	}
}

static double seconds_between(uint64_t from, uint64_t to)
{
	return to > from ? (double)(to - from) / 1e9 : 0;
}

int sample_compare(const struct sample *old, const struct sample *new, struct sample_rates *ret)
{
	struct sample_rates r = { .seconds = seconds_between(old ? old->when_ns : 0, new->when_ns) };
	size_t nr = new->nr;

	for (size_t i = 0; i < new->nr; i++)
		nr += new->domains[i].nr_parts;
	r.rows = calloc(nr + 1, sizeof(*r.rows));
	if (!r.rows)
		return -ENOMEM;
	for (size_t i = 0; i < new->nr; i++) {
		const struct sample_domain *d = &new->domains[i], *before = find_domain_of(old, d);

		compare_domain(before, d, before ? r.seconds : seconds_between(d->created_ns, new->when_ns), &r);
	}
	*ret = r;
	return 0;
}

void sample_rates_done(struct sample_rates *r)
{
	free(r->rows);
	*r = (struct sample_rates) {};
}

double sample_cpu_percent(const struct sample_rate *r)
{
	return r->per_second[SAMPLE_CPU_NS] / 1e7;
}

double sample_steal_percent(const struct sample_rate *r)
{
	return r->per_second[SAMPLE_STEAL_NS] / 1e7;
}

bool sample_has(const struct sample_rate *r, unsigned counter)
{
	return r->known & SAMPLE_BIT(counter);
}
