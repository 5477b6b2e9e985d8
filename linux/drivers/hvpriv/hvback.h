/* SPDX-License-Identifier: GPL-2.0-only */
/* The bus "hvback" behind hvpriv_backend.h. Locks and lifetimes: docs/locking.md, docs/backends.md. */
#ifndef HVPRIV_HVBACK_H
#define HVPRIV_HVBACK_H

#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

#include "hvpriv_backend.h"

struct hv_domain;

/*
 * A device as the bus keeps it. @life is held while it is made and while it is removed; what is below it is guarded by the device's
 * own lock (device_lock()), under which the driver's callbacks run.
 */
struct hvback {
	struct hvback_device pub;
	struct list_head node;			/* devices, under devices_lock */
	struct hv_domain *domain;		/* devices_lock; NULL: not yet */
	struct mutex life;
	bool registered;			/* life */

	struct hvback_connection *conn;		/* what the frontend published; kept while no module serves it */
	bool served;				/* the driver's connect() has succeeded, and no disconnect() since */
	u32 state;				/* HVBACK_ST_* */
	int probe_error;
	char why[HVBACK_REASON_LEN];		/* of the callback that runs: hvback_reason() */

	unsigned long broken;			/* bit 0, set by the first hvback_broken() */
	bool reason_told;			/* it has written the reason */
	char reason[HVBACK_REASON_LEN];		/* written by who set the bit; read by broken_work() and later */
	struct work_struct broken_work, gone_work;	/* each holds a reference while queued */
};

static inline struct hvback *to_hvback(struct hvback_device *dev)
{
	return container_of(dev, struct hvback, pub);
}

int hvback_init(void);
void hvback_exit(void);

/* The domain is dead: wait until its devices are, so that what they had claimed is free. */
void hvback_wait_gone(const struct hv_domain *d);

/* hvback.c, for the requests. @b was found, and is put. */
struct hvback *hvback_find(const struct hvback_id *id);
void hvback_put(struct hvback *b);
int hvback_add_device(struct hvback *b);
struct hvback *hvback_alloc(const struct hvback_id *id, void *conf, u32 conf_len, struct file *target);
int hvback_remove(struct hvback *b);
int hvback_connect(struct hvback *b, struct hvback_connection *conn);
void hvback_disconnect(struct hvback *b);

/* The driver's callbacks, or NULL: none serves it. Under device_lock(). */
const struct hvback_driver *hvback_driver_of(struct hvback *b);

extern struct miscdevice hvback_misc;		/* /dev/hvback */

#endif /* HVPRIV_HVBACK_H */
