/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The filter of system calls, made here and not by systemd from the unit: that makes five filters with libseccomp at each start of a
 * domain; this one is put together from a table.
 *
 * The kernel walks it once for each number when it is installed and remembers the numbers that are allowed whatever their
 * arguments (seccomp_cache_prepare()), so its length costs the guest nothing.
 */
#include "syscalls.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define LEN(a)	(sizeof(a) / sizeof((a)[0]))

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME	0x00000080
#endif
#define CLONE_ANY_NAMESPACE (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | \
			     CLONE_NEWNET | CLONE_NEWTIME)
#define X32_BIT		0x40000000U

/* In any order. What a library of ours may use on another machine is here, too: names of users are looked up by plug-ins. */
static const uint16_t allowed[] = {
	/* files and descriptors */
	SYS_read, SYS_write, SYS_open, SYS_close, SYS_stat, SYS_fstat, SYS_lstat, SYS_lseek, SYS_ioctl, SYS_pread64, SYS_pwrite64,
	SYS_readv, SYS_writev, SYS_preadv, SYS_pwritev, SYS_preadv2, SYS_pwritev2, SYS_access, SYS_pipe, SYS_pipe2, SYS_dup, SYS_dup2,
	SYS_dup3, SYS_fcntl, SYS_flock, SYS_fsync, SYS_fdatasync, SYS_sync_file_range, SYS_truncate, SYS_ftruncate, SYS_fallocate,
	SYS_fadvise64, SYS_readahead, SYS_getdents, SYS_getdents64, SYS_getcwd, SYS_chdir, SYS_fchdir, SYS_rename, SYS_renameat,
	SYS_renameat2, SYS_mkdir, SYS_mkdirat, SYS_rmdir, SYS_unlink, SYS_unlinkat, SYS_symlink, SYS_symlinkat, SYS_readlink,
	SYS_readlinkat, SYS_link, SYS_linkat, SYS_chmod, SYS_fchmod, SYS_fchmodat, SYS_chown, SYS_fchown, SYS_lchown, SYS_fchownat,
	SYS_umask, SYS_utimensat, SYS_statfs, SYS_fstatfs, SYS_statx, SYS_newfstatat, SYS_openat, SYS_openat2, SYS_faccessat,
	SYS_faccessat2, SYS_close_range, SYS_copy_file_range, SYS_sendfile, SYS_memfd_create, SYS_getxattr, SYS_lgetxattr,
	SYS_fgetxattr, SYS_inotify_init1, SYS_inotify_add_watch, SYS_inotify_rm_watch,
	/* sockets; socket() itself stands below */
	SYS_socketpair, SYS_connect, SYS_accept, SYS_accept4, SYS_bind, SYS_listen, SYS_shutdown, SYS_sendto, SYS_recvfrom,
	SYS_sendmsg, SYS_recvmsg, SYS_sendmmsg, SYS_recvmmsg, SYS_getsockname, SYS_getpeername, SYS_setsockopt, SYS_getsockopt,
	/* waiting */
	SYS_poll, SYS_ppoll, SYS_select, SYS_pselect6, SYS_epoll_create, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_wait,
	SYS_epoll_pwait, SYS_epoll_pwait2, SYS_eventfd, SYS_eventfd2, SYS_signalfd, SYS_signalfd4, SYS_timerfd_create,
	SYS_timerfd_settime, SYS_timerfd_gettime, SYS_futex, SYS_pause, SYS_nanosleep, SYS_clock_nanosleep, SYS_restart_syscall,
	/* memory; mmap() and mprotect() stand below */
	SYS_munmap, SYS_brk, SYS_mremap, SYS_msync, SYS_madvise, SYS_mlock, SYS_mlock2, SYS_munlock, SYS_mlockall, SYS_munlockall,
	SYS_membarrier,
	/* signals */
	SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigpending, SYS_rt_sigtimedwait, SYS_rt_sigqueueinfo,
	SYS_rt_tgsigqueueinfo, SYS_rt_sigsuspend, SYS_sigaltstack, SYS_kill, SYS_tkill, SYS_tgkill,
	/* time */
	SYS_time, SYS_gettimeofday, SYS_clock_gettime, SYS_clock_getres, SYS_times, SYS_alarm, SYS_getitimer, SYS_setitimer,
	SYS_timer_create, SYS_timer_settime, SYS_timer_gettime, SYS_timer_getoverrun, SYS_timer_delete,
	/* itself; clone() stands below */
	SYS_exit, SYS_exit_group, SYS_wait4, SYS_waitid, SYS_uname, SYS_sysinfo, SYS_getpid, SYS_getppid, SYS_gettid, SYS_getpgid,
	SYS_getpgrp, SYS_getsid, SYS_setsid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getresuid, SYS_getresgid,
	SYS_getgroups, SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid, SYS_setgroups,
	SYS_capget, SYS_capset, SYS_prctl, SYS_arch_prctl, SYS_set_tid_address, SYS_set_robust_list, SYS_get_robust_list,
	SYS_getrlimit, SYS_prlimit64, SYS_getrusage, SYS_getrandom, SYS_rseq,
	SYS_sched_yield, SYS_sched_getaffinity, SYS_sched_setaffinity, SYS_sched_getparam, SYS_sched_getscheduler,
	SYS_sched_getattr, SYS_sched_get_priority_max, SYS_sched_get_priority_min, SYS_getpriority, SYS_setpriority, SYS_getcpu,
};

#define DATA(field)	((uint32_t)offsetof(struct seccomp_data, field))
#define LOAD(offset)	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (offset))
#define JUMP(how, k, yes, no)	BPF_JUMP(BPF_JMP | (how) | BPF_K, (k), (yes), (no))
#define RETURN(what)	BPF_STMT(BPF_RET | BPF_K, (what))
#define ERROR(error)	RETURN(SECCOMP_RET_ERRNO | (error))
#define ALLOW		RETURN(SECCOMP_RET_ALLOW)

/*
 * Native calls alone, then those that depend on an argument. Arguments are 64 bits wide, least first; the high half is looked at where
 * the kernel does. clone3() hides its flags in memory: libc takes clone() where there is none.
 */
static const struct sock_filter begin[] = {
	LOAD(DATA(arch)),
	JUMP(BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0),
	RETURN(SECCOMP_RET_KILL_PROCESS),
	LOAD(DATA(nr)),
	JUMP(BPF_JGE, X32_BIT, 0, 1),
	RETURN(SECCOMP_RET_KILL_PROCESS),
	JUMP(BPF_JEQ, SYS_clone3, 0, 1),
	ERROR(ENOSYS),
	JUMP(BPF_JEQ, SYS_socket, 0, 4),
	LOAD(DATA(args[0])),
	JUMP(BPF_JEQ, AF_UNIX, 1, 0),
	ERROR(EAFNOSUPPORT),
	ALLOW,
	JUMP(BPF_JEQ, SYS_clone, 0, 4),
	LOAD(DATA(args[0])),
	JUMP(BPF_JSET, CLONE_ANY_NAMESPACE, 0, 1),
	ERROR(EPERM),
	ALLOW,
	JUMP(BPF_JEQ, SYS_mprotect, 0, 4),
	LOAD(DATA(args[2])),
	JUMP(BPF_JSET, PROT_EXEC, 0, 1),
	ERROR(EPERM),
	ALLOW,
	JUMP(BPF_JEQ, SYS_mmap, 0, 5),
	LOAD(DATA(args[2])),
	BPF_STMT(BPF_ALU | BPF_AND | BPF_K, PROT_WRITE | PROT_EXEC),
	JUMP(BPF_JEQ, PROT_WRITE | PROT_EXEC, 0, 1),
	ERROR(EPERM),
	ALLOW,
};

#define MAX_NR	512

struct program {
	unsigned short len;
	struct sock_filter code[LEN(begin) + 4 * LEN(allowed) + 1];
};

static void add(struct program *p, struct sock_filter f)
{
	p->code[p->len++] = f;
}

/* The accumulator has the number; ranges come in ascending order. */
static void add_range(struct program *p, unsigned first, unsigned last)
{
	add(p, (struct sock_filter) JUMP(BPF_JGE, first, 0, 2));
	add(p, (struct sock_filter) JUMP(BPF_JGT, last, 2, 0));
	add(p, (struct sock_filter) ALLOW);
	add(p, (struct sock_filter) ERROR(EPERM));
}

static void make(struct program *p)
{
	bool has[MAX_NR + 1] = {};

	for (size_t i = 0; i < LEN(begin); i++)
		add(p, begin[i]);
	for (size_t i = 0; i < LEN(allowed); i++)
		has[allowed[i]] = true;
	for (unsigned nr = 0, first; nr < MAX_NR; nr++) {
		if (!has[nr])
			continue;
		for (first = nr; has[nr + 1]; nr++)
			;
		add_range(p, first, nr);
	}
	add(p, (struct sock_filter) ERROR(EPERM));
}

int syscalls_restrict(void)
{
	struct program p = {};
	struct sock_fprog prog = { .filter = p.code };

	make(&p);
	prog.len = p.len;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) < 0)
		return -errno;
	return 0;
}
