/* SPDX-License-Identifier: MIT */
/*
 * /dev/hvback: devices of guests that dom0 serves, as the agent (zendo-hotplug) makes and steers them.
 *
 * A device is the kernel's object "CLASS-DOMID-DEVID" on the bus "hvback", not a descriptor: who made it may die. It goes with
 * HVBACK_REMOVE or with its domain. What serves it is a module of its own, found by the modalias "hvback:CLASS"; the device
 * remembers what it was given, so the module can be unloaded and loaded again under a connected guest.
 *
 * Life of a device, from user space:
 *	HVBACK_ADD	target claimed, settings kept; the module is asked for and takes it		state WAITING
 *	HVBACK_INFO	what the module offers: goes into the store, which then says InitWait
 *	HVBACK_CONNECT	the frontend's rings and ports, read from the store			state CONNECTED
 *	HVBACK_DISCONNECT	the frontend closed; CONNECT may follow again			state WAITING
 *	HVBACK_REMOVE	requests in flight end first; nothing is left
 * Each change of state is a "change" uevent of the device with HVBACK_STATE=, and HVBACK_REASON= where it was not asked for: a frontend that
 * breaks its ring loses that device only, state BROKEN, until DISCONNECT.
 *
 * All need CAP_SYS_ADMIN. Reserved fields must be zero. Errors common to all: -EFAULT, -EINVAL, -ENOTTY, -ENOENT no such device.
 * ADD: -ESRCH no such domain, -ENODEV hypervisor not running. CONNECT, SET, INFO: -ENXIO no module serves it now. docs/backends.md explains each.
 */
#ifndef _UAPI_LINUX_HVBACK_H
#define _UAPI_LINUX_HVBACK_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define HVBACK_MAGIC		0xB6
#define HVBACK_CLASS_LEN	8	/* "vbd", "vif", ...: with the NUL; small letters */
#define HVBACK_BLOB_MAX		4096	/* of settings and infos, which each class defines */
#define HVBACK_REASON_LEN	128

struct hvback_id {
	char  class[HVBACK_CLASS_LEN];
	__u32 domid, devid;
};

/*
 * HVBACK_ADD. The module is asked for (request_module) and probed before it returns.
 *	-EEXIST this device number is taken	-ESRCH no such domain	-ESHUTDOWN it is dying
 *	-EBADF, -EINVAL the target is no open file or block device
 *	-ENOENT no module serves the class	others: the module's own, with a sentence in reason
 */
struct hvback_add {
	struct hvback_id id;
	__s32 target;			/* descriptor of what is served, -1: none. The device holds the open file, and with it O_EXCL */
	__u32 conf_len;
	__u64 conf;			/* the class's settings */
	__u64 reserved[2];
	char  reason[HVBACK_REASON_LEN];	/* out */
};

#define HVBACK_MAX_RINGS	2	/* per queue: vbd one, vif tx and rx */
#define HVBACK_MAX_RING_PAGES	16
#define HVBACK_MAX_QUEUES	128

struct hvback_queue {
	__u32 nr_refs[HVBACK_MAX_RINGS];	/* pages of each ring: a power of two, 0: no such ring */
	__u32 ref[HVBACK_MAX_RINGS][HVBACK_MAX_RING_PAGES];
	__u32 port[HVBACK_MAX_RINGS];	/* event channels of the guest, offered to dom0; 0: the first one serves both */
};

#define HVBACK_PROTO_X86_64	0	/* layout of the ring: "x86_64-abi" */
#define HVBACK_PROTO_X86_32	1	/* "x86_32-abi" */

/* HVBACK_CONNECT: all queues or none. -EISCONN; -EINVAL and others with a reason that names what the guest wrote wrongly. */
struct hvback_connect {
	struct hvback_id id;
	__u32 nr_queues;
	__u32 protocol;			/* HVBACK_PROTO_* */
	__u64 features;			/* what the frontend can, bits of the class */
	__u64 queues;			/* struct hvback_queue[nr_queues] */
	__u64 reserved[2];
	char  reason[HVBACK_REASON_LEN];	/* out */
};

/* HVBACK_DISCONNECT, HVBACK_REMOVE. They wait until nothing of the guest is in use by the device any more. */
struct hvback_simple {
	struct hvback_id id;
	__u32 flags;			/* 0 */
	__u32 reserved;
};

/* HVBACK_SET: change something while it runs; @what and its blob are the class's. Same struct for INFO, which fills blob, len. */
struct hvback_blob {
	struct hvback_id id;
	__u32 what;			/* INFO: 0 */
	__u32 len;			/* SET: of blob; INFO: in: room, out: bytes */
	__u64 blob;
	char  reason[HVBACK_REASON_LEN];	/* out */
};

#define HVBACK_ST_WAITING	1	/* no frontend connected */
#define HVBACK_ST_CONNECTED	2
#define HVBACK_ST_BROKEN	3	/* the frontend broke the protocol; see reason */

/* HVBACK_STATE */
struct hvback_state {
	struct hvback_id id;
	__u32 state;			/* out: HVBACK_ST_* */
	__u32 has_driver;		/* out: a module serves it now */
	__u64 reserved[2];
	char  reason[HVBACK_REASON_LEN];	/* out: of BROKEN */
};

#define HVBACK_ADD		_IOWR(HVBACK_MAGIC, 0x00, struct hvback_add)
#define HVBACK_CONNECT		_IOWR(HVBACK_MAGIC, 0x01, struct hvback_connect)
#define HVBACK_DISCONNECT	_IOW(HVBACK_MAGIC, 0x02, struct hvback_simple)
#define HVBACK_REMOVE		_IOW(HVBACK_MAGIC, 0x03, struct hvback_simple)
#define HVBACK_SET		_IOWR(HVBACK_MAGIC, 0x04, struct hvback_blob)
#define HVBACK_INFO		_IOWR(HVBACK_MAGIC, 0x05, struct hvback_blob)
#define HVBACK_STATE		_IOWR(HVBACK_MAGIC, 0x06, struct hvback_state)

#endif /* _UAPI_LINUX_HVBACK_H */
