/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HVPRIV_WORKERS_H
#define HVPRIV_WORKERS_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

struct task_struct;

/* A vCPU's thread while it has nothing to do: work may wake it in place of a lent one. */
struct hv_idler {
	struct list_head node;		/* hv_workers.idle; empty: it is not there */
	struct task_struct *task;
	bool roused;			/* for work; it looks at this before it sleeps */
};

/* One queue for all devices of a domain: each piece of work goes to its end, so none of them starves another. */
struct hv_workers {
	spinlock_t lock;		/* all of it, and what is in each hv_work; any context but NMI */
	struct list_head queue;
	wait_queue_head_t wait;		/* lent threads */
	wait_queue_head_t done;		/* who cancels */
	bool over;			/* the domain has ended: nobody is needed any more */
	struct list_head idle;		/* struct hv_idler; who found out that it was woken for nothing of its own is last */
	u32 lent, busy;			/* threads that are lent, and those of them that are at work */
	u32 asked;			/* for one more than so many somebody was sent home */
	struct task_struct *helper;	/* a vCPU's thread that is at work; only compared */
	u32 help;			/* so many pieces of prompt work the vCPUs' threads do themselves before one is woken again */
};

void hv_workers_init(struct hv_workers *w);

/* HVPRIV_DOM_LEND: 0 when the domain has ended, -ERESTARTSYS for a signal, -EINTR: come again, 1: with one more. */
int hv_workers_lend(struct hv_workers *w);

/*
 * A vCPU's thread tells what its guest signalled between these two, with preemption off. Prompt work that is queued meanwhile, and that
 * would only take this CPU from the guest, is left to it.
 */
void hv_workers_told_begin(struct hv_workers *w);
void hv_workers_told_end(void);

/* That work is done. Context: the thread of a vCPU, before it runs again. */
void hv_workers_help(struct hv_workers *w);

/*
 * The guest sleeps on this vCPU, and its thread waits between these two until it is roused or has something of its own to do. Whoever
 * brings a packet to a guest that sleeps wakes one thread then and not two. @again: the last time it was for another vCPU.
 *
 * hv_workers_idle_end(): true: it was roused, and hv_workers_help() is due.
 */
void hv_workers_idle(struct hv_workers *w, struct hv_idler *i, bool again);
bool hv_workers_idle_end(struct hv_workers *w, struct hv_idler *i);

/* The lent threads go home, and nobody can be lent again. */
void hv_workers_end(struct hv_workers *w);

#endif /* HVPRIV_WORKERS_H */
