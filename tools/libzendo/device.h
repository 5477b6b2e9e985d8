/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * /dev/hvpriv as C functions: one per request of <linux/hvpriv.h>, which is the contract and says
 * what each struct means; here is only what the wrapper adds.
 *
 * All return 0 or -errno. Outputs are written only on success unless said otherwise. Structs whose
 * fields are all outputs need no preparation; reserved fields are zeroed here. Nothing is
 * printed; zendo_device_strerror() gives the sentence for a user.
 */
#ifndef ZENDO_DEVICE_H
#define ZENDO_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#include <linux/hvpriv.h>

#define ZENDO_DEVICE_PATH	"/dev/hvpriv"

/* A sentence for the user about an error (either sign) of any of these, with the remedy. */
const char *zendo_device_strerror(int error);

/* "triple fault", ... of enum zendo_crash_reason; "poweroff", ... of SHUTDOWN_*. Never NULL. */
const char *zendo_crash_reason_to_string(uint32_t reason);
const char *zendo_shutdown_to_string(uint32_t code);

/* "hypercall", ... of an index of hvpriv_info.exits_by_kind and hvpriv_vcpu_exits.by_kind; NULL from ZENDO_NR_EXIT_KINDS on. */
#define ZENDO_NR_EXIT_KINDS	21
#define ZENDO_EXIT_HYPERCALL	4
const char *zendo_exit_kind_to_string(unsigned kind);

/* ---- the device ---- */

/*
 * Open /dev/hvpriv, close-on-exec, and check that the module speaks HVPRIV_API_VERSION (-EPROTO).
 * A module that is not loaded (-ENOENT) is not loaded from here.
 */
int zendo_device_open(int *ret_fd);

int zendo_device_get_info(int fd, struct hvpriv_info *ret);

/* On failure @reason holds the kernel's sentence, "" if it had none. */
int zendo_device_launch(int fd, char *reason, size_t size);
int zendo_device_leave(int fd, char *reason, size_t size);

/*
 * Copy log text newer than *pos to @buf. *ret_len = 0: nothing newer. *pos moves on, *ret_lost
 * is how many bytes between the old *pos and the text had been overwritten.
 */
int zendo_device_log_read(int fd, uint64_t *pos, void *buf, uint32_t size, uint32_t *ret_len,
			  uint64_t *ret_lost);

/* All domains in the order of their ids, in memory the caller frees. */
int zendo_device_list(int fd, struct hvpriv_domain_info **ret, size_t *ret_nr);

/* @name, @uuid (NULL: all zero), @max_vcpus, @max_pages and @flags as in the contract. */
int zendo_device_create_domain(int fd, const char *name, const uint8_t uuid[16], uint32_t max_vcpus,
				uint64_t max_pages, uint32_t flags, int *ret_dom, uint32_t *ret_domid);

/* ---- a domain ---- */

/* Goes on after signals. *ret_done (may be NULL) tells the pages added, also on failure. */
int zendo_device_add_memory(int dom, uint64_t gfn, uint64_t nr_pages, uint32_t flags, uint64_t *ret_done);

/* Map guest memory [gfn, gfn + nr_pages), shared, readable and writable. */
int zendo_device_map(int dom, uint64_t gfn, uint64_t nr_pages, void **ret);

int zendo_device_set_memmap(int dom, const struct hvpriv_memmap_entry *map, uint32_t nr);
/* Before the first vCPU is created. */
int zendo_device_set_policy(int dom, const struct hvpriv_policy *policy);
int zendo_device_set_param(int dom, uint32_t index, uint64_t value);
int zendo_device_get_param(int dom, uint32_t index, uint64_t *ret);

/* @eventfd: -1 for none. The kernel keeps its own reference. */
int zendo_device_evtchn_alloc(int dom, int eventfd, uint32_t *ret_port);
int zendo_device_notify(int dom, uint32_t port);

/* A port bound to nobody, offered to dom0: who is told its number binds it by /dev/xen/evtchn. */
int zendo_device_evtchn_offer(int dom, uint32_t *ret_port);

/* Grant @gfn to dom0 as @ref, one of GNTTAB_RESERVED_*. Before the first vCPU is created. */
int zendo_device_seed_grant(int dom, uint32_t ref, uint64_t gfn);

int zendo_device_pause(int dom);
int zendo_device_unpause(int dom);
int zendo_device_kill(int dom);
/* The calling thread works for the domain's devices until its end. -EINTR: a signal. */
int zendo_device_lend(int dom);
/* -EEXIST: there is a domain of this name. */
int zendo_device_rename(int dom, const char *name);
int zendo_device_query(int dom, struct hvpriv_domain_info *ret);

int zendo_device_create_vcpu(int dom, uint32_t id, int *ret_vcpu);

/* ---- a vCPU ---- */

/* -EINTR: a signal or zendo_device_vcpu_kick(); nothing happened that needs an answer. */
int zendo_device_vcpu_run(int vcpu, struct hvpriv_run *ret);
int zendo_device_vcpu_kick(int vcpu);
int zendo_device_vcpu_get_state(int vcpu, struct hvpriv_vcpu_state *ret);
int zendo_device_vcpu_set_state(int vcpu, const struct hvpriv_vcpu_state *state);
int zendo_device_vcpu_get_crash(int vcpu, struct hvpriv_crash *ret);
/* -EINVAL: it is not up. */
int zendo_device_vcpu_nmi(int vcpu);
int zendo_device_vcpu_query(int vcpu, struct hvpriv_vcpu_info *ret);
int zendo_device_vcpu_exits(int vcpu, struct hvpriv_vcpu_exits *ret);

#endif
