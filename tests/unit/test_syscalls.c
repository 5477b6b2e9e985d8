/* SPDX-License-Identifier: GPL-2.0-only */
/* The filter of zendo-run as the kernel applies it: each check in a process of its own that is under it. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "syscalls.h"

/* What waitpid() says of a process that restricts itself and then does @fn: 0 is good. */
static int under_filter(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(syscalls_restrict() < 0 ? 99 : fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static bool fails(long r, int error)
{
	return r == -1 && errno == error;
}

static int programs(void)
{
	char *const argv[] = { "true", NULL };

	execv("/bin/true", argv);
	if (errno != EPERM)
		return 1;
	return fails(syscall(SYS_execveat, -1, "/bin/true", argv, NULL, 0), EPERM) ? 0 : 2;
}

static int namespaces(void)
{
	if (!fails(syscall(SYS_unshare, CLONE_NEWUSER), EPERM) || !fails(syscall(SYS_setns, -1, 0), EPERM))
		return 1;
	if (!fails(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0), EPERM) ||
	    !fails(syscall(SYS_clone, CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0), EPERM))
		return 2;
	return fails(syscall(SYS_clone3, NULL, 0), ENOSYS) ? 0 : 3;
}

static int sockets(void)
{
	int fds[2];

	if (!fails(socket(AF_INET, SOCK_STREAM, 0), EAFNOSUPPORT) || !fails(socket(AF_NETLINK, SOCK_RAW, 0), EAFNOSUPPORT) ||
	    !fails(socket(AF_PACKET, SOCK_RAW, 0), EAFNOSUPPORT))
		return 1;
	return socket(AF_UNIX, SOCK_STREAM, 0) >= 0 && socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) == 0 ? 0 : 2;
}

static void *map(int prot)
{
	return mmap(NULL, 4096, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int memory(void)
{
	void *p = map(PROT_READ | PROT_WRITE);

	if (p == MAP_FAILED || map(PROT_READ | PROT_EXEC) == MAP_FAILED)
		return 1;
	if (map(PROT_WRITE | PROT_EXEC) != MAP_FAILED || errno != EPERM)
		return 2;
	if (!fails(mprotect(p, 4096, PROT_READ | PROT_EXEC), EPERM) ||
	    !fails(syscall(SYS_pkey_mprotect, p, 4096, PROT_EXEC, -1), EPERM))
		return 3;
	return mprotect(p, 4096, PROT_READ) == 0 ? 0 : 4;
}

static int unwanted(void)
{
	static const long nr[] = {
		SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_bpf, SYS_perf_event_open, SYS_io_uring_setup, SYS_userfaultfd,
		SYS_keyctl, SYS_add_key, SYS_mount, SYS_init_module, SYS_kexec_load, SYS_mknod, SYS_reboot, SYS_personality, SYS_shmget, 511,
		100000,
	};

	for (size_t i = 0; i < sizeof(nr) / sizeof(nr[0]); i++)
		if (!fails(syscall(nr[i], 0, 0, 0, 0, 0, 0), EPERM))
			return 1 + (int)i;
	return 0;
}

static void *thread(void *arg)
{
	return arg;
}

static int threads(void)
{
	pthread_t t;
	void *r = NULL;
	int x;

	return pthread_create(&t, NULL, thread, &x) == 0 && pthread_join(t, &r) == 0 && r == &x ? 0 : 1;
}

static int other_abi(void)
{
	(void)syscall(0x40000000 | SYS_getpid);
	return 1;
}

static int other_architecture(void)
{
	long r = 20;	/* getpid of 32-bit programs */

	__asm__ volatile("int $0x80" : "+a"(r) :: "memory", "r8", "r9", "r10", "r11");
	return 1;
}

static void test_refusals(void **state)
{
	(void)state;
	assert_int_equal(under_filter(programs), 0);
	assert_int_equal(under_filter(namespaces), 0);
	assert_int_equal(under_filter(sockets), 0);
	assert_int_equal(under_filter(memory), 0);
	assert_int_equal(under_filter(unwanted), 0);
}

static void test_what_it_lives_on(void **state)
{
	(void)state;
	assert_int_equal(under_filter(threads), 0);
}

static void test_other_ways_into_the_kernel(void **state)
{
	int status;

	(void)state;
	status = under_filter(other_abi);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	status = under_filter(other_architecture);
	assert_true(WIFSIGNALED(status) && (WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGSEGV));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_what_it_lives_on),
		cmocka_unit_test(test_other_ways_into_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
