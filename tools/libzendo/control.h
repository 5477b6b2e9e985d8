/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Talking to a domain's runner over its control socket (runtime.h).
 *
 * A request is one line of JSON, an object with "do"; so is the answer, an object with "ok". When "ok"
 * is false, "error" is a word for programs (below) and "text" a sentence for people. Requests on one
 * connection are answered in order; at most ZENDO_CONTROL_LINE_MAX bytes each.
 *
 *	{"do":"query"}			name, domid, state, paused, reason, vcpus (how many the guest is to have online),
 *					maxvcpus, memory_mib, restarts, pid, kept, terminal, writer (pid of who types, absent: nobody)
 *	{"do":"pause"} {"do":"unpause"}	also fine when it is so already
 *	{"do":"shutdown","how":H}	ask the guest for it: "poweroff", "reboot", "halt"; answered before it does it, if it does
 *	{"do":"sysrq","key":K}		give the guest this key of Linux's magic SysRq
 *	{"do":"vcpu-set","vcpus":N}	ask the guest to have the first N vCPUs online and no others; answered likewise
 *	{"do":"destroy"}		the answer comes at once, the domain is gone when the connection closes; with "domid" of a
 *					guest that rename-restart keeps, that one is gone with the answer
 *	{"do":"lend"}			threads for its devices, if it has none yet: zendo-hotplug is about to attach one
 *	{"do":"dump"}			a descriptor of an empty file comes along: the core of the domain, or of "domid", is
 *					written to it. The guest stands still until the answer, with size and stored (bytes of
 *					the file, and those that are no holes); closing the connection breaks it off
 *	{"do":"vcpu","vcpu":N}		vcpus (how many there are), vcpu, up, state (three letters of r, b, p and -),
 *					cpu (where it ran last; absent: not up), time_ns, cpus (where it may run;
 *					absent: its thread has ended), and what it has counted: exits, halts, interrupts,
 *					events_in, events_out, exits_by_kind, steal_ns (ready to run and without a CPU)
 *	{"do":"pin","vcpu":N,"cpus":C}	from now on it may run on C ("0-1,^1", "all"); N "all" for all of them
 *	{"do":"nmi","vcpu":N}		an NMI for a vCPU, or "all" that are up
 *	{"do":"console","mode":M}	M: "write" (error "busy" if another one writes), "force" (takes the
 *					writing over), "read". After the answer the connection is the
 *					console: first what was kept of its output, then all that comes;
 *					what is sent is typed. Only "scrollback": false leaves out the former.
 *
 * Error words: "invalid", "busy", "gone" (the domain has ended and is kept for a look), "failed".
 */
#ifndef ZENDO_CONTROL_H
#define ZENDO_CONTROL_H

#include <stddef.h>

#define ZENDO_CONTROL_LINE_MAX	4096

struct json_object;
struct sockaddr_un;

/*
 * The socket's address. It is written by way of *ret_dir, a descriptor of its directory to be held
 * until bind() or connect() is done, since an escaped name may be longer than an address can be.
 */
int zendo_control_address(const char *name, struct sockaddr_un *ret, int *ret_dir);

/* -ENOENT, -ECONNREFUSED: no such domain runs here. Other -errno of connect(). */
int zendo_control_connect(const char *name, int *ret_fd);

/*
 * How long an answer on @fd is waited for from here on: a runner that is frozen or stopped gives none. 0: for ever, as at the beginning.
 * What is read from it by others gets EAGAIN then.
 */
int zendo_control_patience(int fd, unsigned seconds);

/*
 * Send @request, wait for the answer and return it (json_object_put() is the caller's). An answer with
 * "ok": false is a success of this function. -EPROTO: it is no answer; -EPIPE: closed without one;
 * -ETIMEDOUT: none in the time of zendo_control_patience().
 * Nothing behind the answer's newline is read, so the console's bytes stay in the socket.
 */
int zendo_control_request(int fd, struct json_object *request, struct json_object **ret);

/* The same with a descriptor, which stays the caller's, for the runner. */
int zendo_control_request_with(int fd, struct json_object *request, int passed, struct json_object **ret);

#endif
