/* SPDX-License-Identifier: GPL-2.0-only */
/* The threads that are vCPUs: where they may run, with a device that lets them wait until they are kicked. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "cleanup.h"
#include "device.h"
#include "vcpu.h"

static sem_t kicked;
static uint32_t next_exit;	/* what a run ends with when it is kicked; 0: -EINTR */

int zendo_device_vcpu_run(int vcpu, struct hvpriv_run *ret)
{
	(void)vcpu;
	while (sem_wait(&kicked) < 0)
		;
	*ret = (struct hvpriv_run) { .exit = next_exit };
	return next_exit ? 0 : -EINTR;
}

int zendo_device_vcpu_kick(int vcpu)
{
	(void)vcpu;
	return sem_post(&kicked);
}

static int set_up(void **state)
{
	(void)state;
	next_exit = 0;
	return sem_init(&kicked, 0, 0);
}

/* The CPUs that we may use ourselves, and the first of them. */
static struct zendo_cpus ours(struct zendo_cpus *ret_first)
{
	struct zendo_cpus all = {}, first = {};

	assert_int_equal(sched_getaffinity(0, sizeof(all), (cpu_set_t *)(void *)&all), 0);
	for (unsigned i = 0; i <= ZENDO_CPUS_MAX; i++)
		if (zendo_cpus_has(&all, i)) {
			first.word[i / 64] = 1UL << i % 64;
			break;
		}
	*ret_first = first;
	return all;
}

static void end(struct vcpu *v)
{
	vcpu_stop(v);
	vcpu_join(v);
}

static void a_vcpu_starts_where_it_is_told_and_moves(void **state)
{
	struct vcpu v = { .id = 3, .fd = -EBADF, .report_fd = -EBADF };
	struct zendo_cpus first, all = ours(&first), now, any = {};
	unsigned cpu;

	(void)state;
	assert_int_equal(vcpu_start(&v, &first), 0);
	assert_int_equal(vcpu_get_cpus(&v, &now), 0);
	assert_true(zendo_cpus_equal(&now, &first));
	assert_int_equal(vcpu_set_cpus(&v, &any), 0);
	assert_int_equal(vcpu_get_cpus(&v, &now), 0);
	assert_int_equal(zendo_cpus_limit(&all, &now, &cpu), 0);
	assert_int_equal(vcpu_set_cpus(&v, &first), 0);
	assert_int_equal(vcpu_get_cpus(&v, &now), 0);
	assert_true(zendo_cpus_equal(&now, &first));
	end(&v);
}

static void a_cpu_that_is_not_there_changes_nothing(void **state)
{
	struct vcpu v = { .fd = -EBADF, .report_fd = -EBADF };
	struct zendo_cpus first, now, some, none = {};

	(void)state;
	(void)ours(&first);
	none.word[ZENDO_CPUS_MAX / 64] = 1UL << 63;
	some = first;
	some.word[ZENDO_CPUS_MAX / 64] |= 1UL << 63;
	assert_int_equal(vcpu_start(&v, &first), 0);
	assert_int_equal(vcpu_set_cpus(&v, &none), -EINVAL);
	assert_int_equal(vcpu_set_cpus(&v, &some), -EXDEV);
	assert_int_equal(vcpu_get_cpus(&v, &now), 0);
	assert_true(zendo_cpus_equal(&now, &first));
	end(&v);
}

static void a_vcpu_that_may_run_nowhere_does_not_start(void **state)
{
	struct vcpu v = { .fd = -EBADF, .report_fd = -EBADF };
	struct zendo_cpus none = {};

	(void)state;
	none.word[ZENDO_CPUS_MAX / 64] = 1UL << 63;
	assert_int_equal(vcpu_start(&v, &none), -EINVAL);
	assert_false(v.started);
	vcpu_join(&v);	/* nothing to wait for */
}

static void one_that_has_ended_has_no_cpus(void **state)
{
	struct vcpu v = { .fd = -EBADF, .report_fd = -EBADF };
	struct zendo_cpus now, any = {};

	(void)state;
	assert_int_equal(vcpu_get_cpus(&v, &now), -ESRCH);
	assert_int_equal(vcpu_start(&v, &any), 0);
	next_exit = HVPRIV_EXIT_SHUTDOWN;
	(void)zendo_device_vcpu_kick(v.fd);
	assert_int_equal(pthread_join(v.thread, NULL), 0);
	assert_int_equal(vcpu_get_cpus(&v, &now), -ESRCH);
	assert_int_equal(vcpu_set_cpus(&v, &any), -ESRCH);
}

/* Held for a while: it says that it has left, and that is its last word until it is started again. */
static void one_that_is_stopped_says_so_and_starts_again(void **state)
{
	struct vcpu v = { .id = 5, .fd = -EBADF };
	struct vcpu_report p = {};
	struct zendo_cpus any = {};
	int reports[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, reports), 0);
	v.report_fd = reports[1];
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(vcpu_start(&v, &any), 0);
		assert_false(v.reported);
		assert_int_equal(recv(reports[0], &p, sizeof(p), MSG_DONTWAIT), -1);
		v.reported = true;
		end(&v);
		assert_true(recv(reports[0], &p, sizeof(p), MSG_DONTWAIT) > 0);
		assert_int_equal(p.vcpu, 5);
		assert_int_equal(p.error, 0);
		assert_int_equal(p.exit, VCPU_EXIT_LEFT);
		assert_int_equal(recv(reports[0], &p, sizeof(p), MSG_DONTWAIT), -1);
	}
	(void)close(reports[0]);
	(void)close(reports[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_vcpu_starts_where_it_is_told_and_moves, set_up),
		cmocka_unit_test_setup(a_cpu_that_is_not_there_changes_nothing, set_up),
		cmocka_unit_test_setup(a_vcpu_that_may_run_nowhere_does_not_start, set_up),
		cmocka_unit_test_setup(one_that_has_ended_has_no_cpus, set_up),
		cmocka_unit_test_setup(one_that_is_stopped_says_so_and_starts_again, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
