/* SPDX-License-Identifier: GPL-2.0-only */
/* What is told of vCPUs, and done to them, with real threads and a device that knows what it is told to know. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "control_socket.h"
#include "device.h"
#include "domain.h"

#define NR	2

static sem_t kicked[NR];
static struct hvpriv_vcpu_info info[NR];
static unsigned nmis[NR];
static struct zendo_error error;

/* Descriptors are the numbers of the vCPUs. */
int zendo_device_vcpu_run(int vcpu, struct hvpriv_run *ret)
{
	(void)ret;
	while (sem_wait(&kicked[vcpu]) < 0)
		;
	return -EINTR;
}

int zendo_device_vcpu_kick(int vcpu) { return sem_post(&kicked[vcpu]); }

int zendo_device_vcpu_query(int vcpu, struct hvpriv_vcpu_info *ret)
{
	*ret = info[vcpu];
	return 0;
}

int zendo_device_vcpu_exits(int vcpu, struct hvpriv_vcpu_exits *ret)
{
	*ret = (struct hvpriv_vcpu_exits) { .by_kind[ZENDO_EXIT_HYPERCALL] = 500 + (uint64_t)vcpu, .by_kind[31] = 1 };
	return 0;
}

int zendo_device_vcpu_nmi(int vcpu)
{
	if (!info[vcpu].up)
		return -EINVAL;
	nmis[vcpu]++;
	return 0;
}

const char *zendo_device_strerror(int r) { return strerror(-r); }

static struct vcpu vcpus[NR];
static struct domain domain = { .vcpus = vcpus, .nr_vcpus = NR };

static int start(void **state)
{
	const struct zendo_cpus any = {};

	(void)state;
	domain.paused = false;
	memset(&error, 0, sizeof(error));
	memset(nmis, 0, sizeof(nmis));
	for (unsigned i = 0; i < NR; i++) {
		info[i] = (struct hvpriv_vcpu_info) { .guest_ns = 1000 + i, .up = 1, .cpu = 7 + i };
		vcpus[i] = (struct vcpu) { .id = i, .fd = (int)i, .report_fd = -EBADF };
		if (sem_init(&kicked[i], 0, 0) < 0 || vcpu_start(&vcpus[i], &any) < 0)
			return -1;
	}
	return 0;
}

static int stop(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NR; i++) {
		vcpu_stop(&vcpus[i]);
		vcpu_join(&vcpus[i]);
	}
	return 0;
}

/* The answer about @id has this state, and "cpu", "cpus" or not. */
static void told(unsigned id, const char *state, bool cpu, bool cpus)
{
	struct json_object *o = json_object_new_object();

	assert_int_equal(domain_describe_vcpu(&domain, id, o), 0);
	assert_string_equal(json_object_get_string(json_object_object_get(o, "state")), state);
	assert_int_equal(json_object_get_int64(json_object_object_get(o, "vcpus")), NR);
	assert_int_equal(json_object_get_int64(json_object_object_get(o, "vcpu")), id);
	assert_int_equal(json_object_get_int64(json_object_object_get(o, "time_ns")), 1000 + id);
	assert_int_equal(json_object_object_get(o, "cpu") != NULL, cpu);
	if (cpu)
		assert_int_equal(json_object_get_int64(json_object_object_get(o, "cpu")), 7 + id);
	assert_int_equal(json_object_object_get(o, "cpus") != NULL, cpus);
	json_object_put(o);
}

static void a_vcpu_is_told_by_its_state(void **state)
{
	struct json_object *o = json_object_new_object();

	(void)state;
	told(0, "r--", true, true);
	info[1].blocked = 1;
	told(1, "-b-", true, true);
	info[1].blocked = HVPRIV_BLOCKED_PARKED;
	told(1, "--p", true, true);
	info[0].up = 0;
	told(0, "--p", false, true);
	domain.paused = true;
	told(1, "--p", true, true);
	assert_int_equal(domain_describe_vcpu(&domain, NR, o), -ENOENT);
	json_object_put(o);
}

static int64_t number(struct json_object *o, const char *key)
{
	assert_true(json_object_is_type(json_object_object_get(o, key), json_type_int));
	return json_object_get_int64(json_object_object_get(o, key));
}

static void what_a_vcpu_has_counted_is_told(void **state)
{
	struct json_object *o = json_object_new_object(), *kinds;

	(void)state;
	info[1] = (struct hvpriv_vcpu_info) { .exits = 11, .halts = 12, .interrupts = 13, .events_in = 14, .events_out = 15 };
	assert_int_equal(domain_describe_vcpu(&domain, 1, o), 0);
	assert_int_equal(number(o, "exits"), 11);
	assert_int_equal(number(o, "halts"), 12);
	assert_int_equal(number(o, "interrupts"), 13);
	assert_int_equal(number(o, "events_in"), 14);
	assert_int_equal(number(o, "events_out"), 15);
	assert_true(number(o, "steal_ns") >= 0);
	kinds = json_object_object_get(o, "exits_by_kind");
	assert_int_equal(json_object_array_length(kinds), ZENDO_NR_EXIT_KINDS);
	assert_int_equal(json_object_get_int64(json_object_array_get_idx(kinds, ZENDO_EXIT_HYPERCALL)), 501);
	json_object_put(o);
}

static void the_vcpus_of_a_guest_that_has_ended_are_told_without_cpus(void **state)
{
	(void)stop(state);
	told(0, "---", true, false);
}

/* The first CPU that this process may use, as text. */
static char *first_cpu(struct zendo_cpus *ret)
{
	static char text[16];
	struct zendo_cpus all = {}, first = {};
	unsigned cpu = 0;

	assert_int_equal(sched_getaffinity(0, sizeof(all), (cpu_set_t *)(void *)&all), 0);
	while (!zendo_cpus_has(&all, cpu))
		cpu++;
	first.word[cpu / 64] = 1UL << cpu % 64;
	(void)snprintf(text, sizeof(text), "%u", cpu);
	*ret = first;
	return text;
}

static void a_pin_is_done_and_kept(void **state)
{
	struct zendo_cpus kept[NR] = {}, first, now, none = {};
	char *cpu = first_cpu(&first);

	(void)state;
	assert_int_equal(domain_pin(&domain, 1, cpu, kept, &error), 0);
	assert_true(zendo_cpus_is_empty(&kept[0]));
	assert_true(zendo_cpus_equal(&kept[1], &first));
	assert_int_equal(vcpu_get_cpus(&vcpus[1], &now), 0);
	assert_true(zendo_cpus_equal(&now, &first));
	assert_int_equal(domain_pin(&domain, CONTROL_ALL_VCPUS, cpu, kept, &error), 0);
	assert_true(zendo_cpus_equal(&kept[0], &first));
	/* anywhere again */
	assert_int_equal(domain_pin(&domain, CONTROL_ALL_VCPUS, "all", kept, &error), 0);
	assert_memory_equal(&kept[0], &none, sizeof(none));
	assert_memory_equal(&kept[1], &none, sizeof(none));
}

static void refuse_pin(unsigned id, const char *cpus, int r, const char *words)
{
	struct zendo_cpus kept[NR] = {}, before, after;

	assert_int_equal(vcpu_get_cpus(&vcpus[0], &before), 0);
	assert_int_equal(domain_pin(&domain, id, cpus, kept, &error), r);
	if (!strstr(error.text, words))
		fail_msg("'%s' not in '%s'", words, error.text);
	assert_int_equal(vcpu_get_cpus(&vcpus[0], &after), 0);
	assert_true(zendo_cpus_equal(&before, &after));
	assert_true(zendo_cpus_is_empty(&kept[0]));
}

static void what_cannot_be_pinned_is_refused_and_nothing_changes(void **state)
{
	(void)state;
	refuse_pin(NR, "0", -ENOENT, "there is no vCPU 2, the domain has 0 to 1");
	refuse_pin(~0U - 1, "0", -ENOENT, "there is no vCPU");
	refuse_pin(0, "", -EINVAL, "bad CPUs '': a CPU number expected");
	refuse_pin(0, "0,^0", -EINVAL, "no CPU is left");
	refuse_pin(CONTROL_ALL_VCPUS, "4095", -ENOENT, "CPU 4095 is not there, online are ");
}

static void an_nmi_goes_to_who_is_up(void **state)
{
	(void)state;
	assert_int_equal(domain_nmi(&domain, 1, &error), 0);
	assert_int_equal(nmis[0], 0);
	assert_int_equal(nmis[1], 1);
	info[0].up = 0;
	assert_int_equal(domain_nmi(&domain, CONTROL_ALL_VCPUS, &error), 0);
	assert_int_equal(nmis[0], 0);
	assert_int_equal(nmis[1], 2);
	assert_int_equal(domain_nmi(&domain, 0, &error), -EINVAL);
	assert_string_equal(error.text, "vCPU 0 is not up");
	assert_int_equal(domain_nmi(&domain, NR, &error), -ENOENT);
	info[1].up = 0;
	assert_int_equal(domain_nmi(&domain, CONTROL_ALL_VCPUS, &error), -EINVAL);
	assert_string_equal(error.text, "no vCPU is up");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_vcpu_is_told_by_its_state, start, stop),
		cmocka_unit_test_setup_teardown(what_a_vcpu_has_counted_is_told, start, stop),
		cmocka_unit_test_setup(the_vcpus_of_a_guest_that_has_ended_are_told_without_cpus, start),
		cmocka_unit_test_setup_teardown(a_pin_is_done_and_kept, start, stop),
		cmocka_unit_test_setup_teardown(what_cannot_be_pinned_is_refused_and_nothing_changes, start, stop),
		cmocka_unit_test_setup_teardown(an_nmi_goes_to_who_is_up, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
