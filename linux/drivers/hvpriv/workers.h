/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HVPRIV_WORKERS_H
#define HVPRIV_WORKERS_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

struct task_struct;

/* One queue for all devices of a domain: each piece of work goes to its end, so none of them starves another. */
struct hv_workers {
	spinlock_t lock;		/* all of it, and what is in each hv_work; any context but NMI */
	struct list_head queue;
	wait_queue_head_t wait;		/* lent threads */
	wait_queue_head_t done;		/* who cancels */
	bool over;			/* the domain has ended: nobody is needed any more */
	struct task_struct *helper;	/* a vCPU's thread that is at work; only compared */
	u32 help;			/* so many pieces of prompt work the vCPUs' threads do themselves before one is woken again */
};

void hv_workers_init(struct hv_workers *w);

/* HVPRIV_DOM_LEND: 0 when the domain has ended, -ERESTARTSYS for a signal, -EINTR: come again. */
int hv_workers_lend(struct hv_workers *w);

/*
 * A vCPU's thread tells what its guest signalled between these two, with preemption off. Prompt work that is queued meanwhile, and that
 * would only take this CPU from the guest, is left to it.
 */
void hv_workers_told_begin(struct hv_workers *w);
void hv_workers_told_end(void);

/* That work is done. Context: the thread of a vCPU, before it runs again. */
void hv_workers_help(struct hv_workers *w);

/* The lent threads go home, and nobody can be lent again. */
void hv_workers_end(struct hv_workers *w);

#endif /* HVPRIV_WORKERS_H */
