/* SPDX-License-Identifier: GPL-2.0-only */
/* The checking build's look at each VMRUN; docs/checking.md. */
#ifndef SVM_CHECK_H
#define SVM_CHECK_H

#include "arch/x86/svm/svm.h"

#ifdef ZENDO_CHECK
void svm_check_capture(struct cpu *c);		/* host mode is as it shall be after every exit */
void svm_check_dom0_entry(struct cpu *c, const struct vmcb *b);
void svm_check_guest_entry(struct cpu *c, struct vcpu *v, const struct vmcb *b);
void svm_check_exit(struct cpu *c, const struct vmcb *b);
#else
static inline void svm_check_capture(struct cpu *c) { (void)c; }
static inline void svm_check_dom0_entry(struct cpu *c, const struct vmcb *b) { (void)c; (void)b; }
static inline void svm_check_guest_entry(struct cpu *c, struct vcpu *v, const struct vmcb *b) { (void)c; (void)v; (void)b; }
static inline void svm_check_exit(struct cpu *c, const struct vmcb *b) { (void)c; (void)b; }
#endif

#endif
