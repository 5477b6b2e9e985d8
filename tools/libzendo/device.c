/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/xen.h>
#include <xen/sched.h>
#include <zendo/abi.h>

#define PAGE_SHIFT	12

static const struct {
	int error;
	const char *text;
} errors[] = {
	/* no module means no hypervisor either: who reads this wants the same remedy */
	{ ENOENT,  "the hypervisor is not running; start it: systemctl start zendo [Z0101]" },
	{ ENXIO,   "the hypervisor is not running; start it: systemctl start zendo [Z0101]" },
	{ ENODEV,  "the hypervisor is not running; start it: systemctl start zendo [Z0101]" },
	{ EACCES,  "no permission on " ZENDO_DEVICE_PATH ": be root or a member of the group zendo [Z0102]" },
	{ EPERM,   "not permitted: this needs root" },
	{ EPROTO,  "the module hvpriv is of another version than this program; reload it: systemctl restart zendo [Z0103]" },
	{ ENOTTY,  "the module hvpriv does not know this request: it is older than this program [Z0103]" },
	{ EEXIST,  "a domain of this name exists already" },
	{ ENOMEM,  "not enough free memory" },
	{ ENOSPC,  "no domain id is left" },
};

const char *zendo_device_strerror(int error)
{
	error = abs(error);
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].error == error)
			return errors[i].text;
	return strerror(error);
}

const char *zendo_crash_reason_to_string(uint32_t reason)
{
	static const char *const text[ZCRASH_NR] = {
		[ZCRASH_NONE] = "no reason given",
		[ZCRASH_TRIPLE_FAULT] = "triple fault",
		[ZCRASH_NO_MEMORY_THERE] = "it used an address outside of its memory",
		[ZCRASH_INVALID_STATE] = "its CPU state cannot be run",
		[ZCRASH_BAD_EXIT] = "it did what the hypervisor cannot handle",
		[ZCRASH_OUT_OF_QUOTA] = "it used up the hypervisor's memory it is allowed",
		[ZCRASH_GUEST_SAID_SO] = "the guest's kernel said so",
		[ZCRASH_BAD_MEMORY] = "a machine check says that memory of it has failed",
		[ZCRASH_APIC_ACCESS] = "it used its local APIC by an instruction that is not emulated",
	};

	return reason < ZCRASH_NR && text[reason] ? text[reason] : "unknown reason";
}

const char *zendo_exit_kind_to_string(unsigned kind)
{
	/* in the order of the hypervisor's enum exit_kind */
	static const char *const text[ZENDO_NR_EXIT_KINDS] = {
		"interrupt", "nmi", "machine-check", "window", "hypercall", "hlt", "cpuid", "rdmsr", "wrmsr", "io", "nested-fault",
		"cr4", "cr8", "xsetbv", "dr", "exception", "skip", "undefined", "shutdown", "invalid-state", "unknown",
	};

	return kind < ZENDO_NR_EXIT_KINDS ? text[kind] : NULL;
}

const char *zendo_shutdown_to_string(uint32_t code)
{
	static const char *const text[] = {
		[SHUTDOWN_poweroff] = "poweroff",
		[SHUTDOWN_reboot] = "reboot",
		[SHUTDOWN_suspend] = "suspend",
		[SHUTDOWN_crash] = "crash",
		[SHUTDOWN_watchdog] = "watchdog",
		[SHUTDOWN_soft_reset] = "soft-reset",
	};

	return code < sizeof(text) / sizeof(text[0]) ? text[code] : "unknown";
}

static int request(int fd, unsigned long nr, void *arg)
{
	int r = ioctl(fd, nr, arg);

	return r < 0 ? -errno : r;
}

int zendo_device_open(int *ret_fd)
{
	struct hvpriv_info info;
	int fd, r;

	fd = open(ZENDO_DEVICE_PATH, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = zendo_device_get_info(fd, &info);
	if (r >= 0 && info.api_version != HVPRIV_API_VERSION)
		r = -EPROTO;
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int zendo_device_get_info(int fd, struct hvpriv_info *ret)
{
	struct hvpriv_info info = {};
	int r = request(fd, HVPRIV_GET_INFO, &info);

	if (r < 0)
		return r;
	/* strings of the kernel, but nothing is lost by being sure */
	info.build[sizeof(info.build) - 1] = '\0';
	info.vendor[sizeof(info.vendor) - 1] = '\0';
	*ret = info;
	return 0;
}

static int launch_or_leave(int fd, unsigned long nr, char *reason, size_t size)
{
	struct hvpriv_launch l = {};
	int r = request(fd, nr, &l);

	l.reason[sizeof(l.reason) - 1] = '\0';
	if (size > 0) {
		size_t n = strnlen(l.reason, size - 1);

		memcpy(reason, l.reason, n);
		reason[n] = '\0';
	}
	return r < 0 ? r : 0;
}

int zendo_device_launch(int fd, char *reason, size_t size)
{
	return launch_or_leave(fd, HVPRIV_LAUNCH, reason, size);
}

int zendo_device_leave(int fd, char *reason, size_t size)
{
	return launch_or_leave(fd, HVPRIV_LEAVE, reason, size);
}

int zendo_device_log_read(int fd, uint64_t *pos, void *buf, uint32_t size, uint32_t *ret_len,
			  uint64_t *ret_lost)
{
	struct hvpriv_log l = { .pos = *pos, .buf = (uintptr_t)buf, .len = size };
	int r = request(fd, HVPRIV_LOG_READ, &l);

	if (r < 0)
		return r;
	*ret_len = l.len < size ? l.len : size;
	*ret_lost = l.start > *pos ? l.start - *pos : 0;
	*pos = l.pos;
	return 0;
}

int zendo_device_list(int fd, struct hvpriv_domain_info **ret, size_t *ret_nr)
{
	struct hvpriv_domain_info *all = NULL, *grown;
	size_t nr = 0, step = 64;

	for (;;) {
		struct hvpriv_list l = { .first = nr ? all[nr - 1].domid + 1 : 0, .nr = step };
		int r;

		grown = realloc(all, (nr + step) * sizeof(*all));
		if (!grown) {
			free(all);
			return -ENOMEM;
		}
		all = grown;
		l.buf = (uintptr_t)(all + nr);
		r = request(fd, HVPRIV_LIST, &l);
		if (r < 0) {
			free(all);
			return r;
		}
		for (size_t i = nr; i < nr + l.nr; i++)
			all[i].name[sizeof(all[i].name) - 1] = '\0';
		nr += l.nr;
		if (l.nr < step)
			break;
	}
	*ret = all;
	*ret_nr = nr;
	return 0;
}

int zendo_device_create_domain(int fd, const char *name, const uint8_t uuid[16], uint32_t max_vcpus,
				uint64_t max_pages, uint32_t flags, int *ret_dom, uint32_t *ret_domid)
{
	struct hvpriv_create_domain c = { .flags = flags, .max_vcpus = max_vcpus, .max_pages = max_pages };
	int dom;

	if (strlen(name) >= sizeof(c.name))
		return -EINVAL;
	memcpy(c.name, name, strlen(name) + 1);
	if (uuid)
		memcpy(c.uuid, uuid, sizeof(c.uuid));
	dom = request(fd, HVPRIV_CREATE_DOMAIN, &c);
	if (dom < 0)
		return dom;
	*ret_dom = dom;
	*ret_domid = c.domid;
	return 0;
}

int zendo_device_add_memory(int dom, uint64_t gfn, uint64_t nr_pages, uint32_t flags, uint64_t *ret_done)
{
	uint64_t done = 0;
	int r = 0;

	while (done < nr_pages) {
		struct hvpriv_add_memory m = { .gfn = gfn + done, .nr_pages = nr_pages - done, .flags = flags };

		r = request(dom, HVPRIV_DOM_ADD_MEMORY, &m);
		if (r < 0 && m.nr_pages >= nr_pages - done)
			break;		/* refused before it began: nr_pages is still what we wrote */
		done += m.nr_pages;
		if (r >= 0 && m.nr_pages == 0)
			r = -EIO;	/* success without progress would loop here for ever */
		if (r < 0 && r != -EINTR)
			break;
	}
	if (ret_done)
		*ret_done = done;
	return r < 0 && done < nr_pages ? r : 0;
}

int zendo_device_map(int dom, uint64_t gfn, uint64_t nr_pages, void **ret)
{
	void *p = mmap(NULL, nr_pages << PAGE_SHIFT, PROT_READ | PROT_WRITE, MAP_SHARED, dom,
		       (off_t)(gfn << PAGE_SHIFT));

	if (p == MAP_FAILED)
		return -errno;
	*ret = p;
	return 0;
}

int zendo_device_set_memmap(int dom, const struct hvpriv_memmap_entry *map, uint32_t nr)
{
	struct hvpriv_set_memmap m = { .nr = nr, .buf = (uintptr_t)map };

	return request(dom, HVPRIV_DOM_SET_MEMMAP, &m);
}

int zendo_device_set_policy(int dom, const struct hvpriv_policy *policy)
{
	struct hvpriv_policy p = *policy;

	return request(dom, HVPRIV_DOM_SET_POLICY, &p);
}

int zendo_device_set_param(int dom, uint32_t index, uint64_t value)
{
	struct hvpriv_param p = { .index = index, .value = value };

	return request(dom, HVPRIV_DOM_SET_PARAM, &p);
}

int zendo_device_get_param(int dom, uint32_t index, uint64_t *ret)
{
	struct hvpriv_param p = { .index = index };
	int r = request(dom, HVPRIV_DOM_GET_PARAM, &p);

	if (r < 0)
		return r;
	*ret = p.value;
	return 0;
}

int zendo_device_evtchn_alloc(int dom, int eventfd, uint32_t *ret_port)
{
	struct hvpriv_evtchn_alloc e = { .eventfd = eventfd };
	int r = request(dom, HVPRIV_DOM_EVTCHN_ALLOC, &e);

	if (r < 0)
		return r;
	*ret_port = e.port;
	return 0;
}

int zendo_device_evtchn_offer(int dom, uint32_t *ret_port)
{
	struct hvpriv_evtchn_alloc e = { .eventfd = -1, .flags = HVPRIV_EVTCHN_UNBOUND };
	int r = request(dom, HVPRIV_DOM_EVTCHN_ALLOC, &e);

	if (r < 0)
		return r;
	*ret_port = e.port;
	return 0;
}

int zendo_device_seed_grant(int dom, uint32_t ref, uint64_t gfn)
{
	struct hvpriv_seed_grant s = { .ref = ref, .gfn = gfn };

	return request(dom, HVPRIV_DOM_SEED_GRANT, &s);
}

int zendo_device_notify(int dom, uint32_t port)
{
	struct hvpriv_notify n = { .port = port };

	return request(dom, HVPRIV_DOM_NOTIFY, &n);
}

int zendo_device_pause(int dom)
{
	return request(dom, HVPRIV_DOM_PAUSE, NULL);
}

int zendo_device_unpause(int dom)
{
	return request(dom, HVPRIV_DOM_UNPAUSE, NULL);
}

int zendo_device_kill(int dom)
{
	return request(dom, HVPRIV_DOM_KILL, NULL);
}

int zendo_device_lend(int dom)
{
	return request(dom, HVPRIV_DOM_LEND, NULL);
}

int zendo_device_rename(int dom, const char *name)
{
	struct hvpriv_rename rn = {};

	if (strlen(name) >= sizeof(rn.name))
		return -EINVAL;
	strcpy(rn.name, name);
	return request(dom, HVPRIV_DOM_RENAME, &rn);
}

int zendo_device_query(int dom, struct hvpriv_domain_info *ret)
{
	struct hvpriv_domain_info info = {};
	int r = request(dom, HVPRIV_DOM_QUERY, &info);

	if (r < 0)
		return r;
	info.name[sizeof(info.name) - 1] = '\0';
	*ret = info;
	return 0;
}

int zendo_device_create_vcpu(int dom, uint32_t id, int *ret_vcpu)
{
	struct hvpriv_create_vcpu c = { .id = id };
	int vcpu = request(dom, HVPRIV_CREATE_VCPU, &c);

	if (vcpu < 0)
		return vcpu;
	*ret_vcpu = vcpu;
	return 0;
}

int zendo_device_vcpu_run(int vcpu, struct hvpriv_run *ret)
{
	return request(vcpu, HVPRIV_VCPU_RUN, ret);
}

int zendo_device_vcpu_kick(int vcpu)
{
	return request(vcpu, HVPRIV_VCPU_KICK, NULL);
}

int zendo_device_vcpu_get_state(int vcpu, struct hvpriv_vcpu_state *ret)
{
	return request(vcpu, HVPRIV_VCPU_GET_STATE, ret);
}

int zendo_device_vcpu_set_state(int vcpu, const struct hvpriv_vcpu_state *state)
{
	return request(vcpu, HVPRIV_VCPU_SET_STATE, (void *)(uintptr_t)state);
}

int zendo_device_vcpu_get_crash(int vcpu, struct hvpriv_crash *ret)
{
	return request(vcpu, HVPRIV_VCPU_GET_CRASH, ret);
}

int zendo_device_vcpu_query(int vcpu, struct hvpriv_vcpu_info *ret)
{
	return request(vcpu, HVPRIV_VCPU_QUERY, ret);
}

int zendo_device_vcpu_exits(int vcpu, struct hvpriv_vcpu_exits *ret)
{
	return request(vcpu, HVPRIV_VCPU_EXITS, ret);
}

int zendo_device_vcpu_nmi(int vcpu)
{
	return request(vcpu, HVPRIV_VCPU_NMI, NULL);
}
