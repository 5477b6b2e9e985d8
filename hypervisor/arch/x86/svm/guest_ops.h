/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest half of svm_ops; see arch/x86/ops.h for what each does. */
#ifndef SVM_GUEST_OPS_H
#define SVM_GUEST_OPS_H

#include "arch/x86/ops.h"

int svm_vcpu_init(struct vcpu *v);
void svm_vcpu_free(struct vcpu *v);
void svm_vcpu_load(struct cpu *c, struct vcpu *v);
void svm_vcpu_put(struct cpu *c, struct vcpu *v);
void svm_run(struct cpu *c, struct vcpu *v, struct exit_info *x);
void svm_park(struct cpu *c, struct vcpu *v);
bool svm_may_inject(struct vcpu *v, enum inject_type t);
void svm_inject(struct vcpu *v, enum inject_type t, uint8_t vector, bool has_error, uint32_t error);
void svm_window(struct vcpu *v, enum window w);
void svm_skip(struct vcpu *v, uint8_t len);
void svm_paging(struct vcpu *v, struct paging_state *s);
void svm_sregs_get(struct vcpu *v, struct zendo_sregs *s);
int svm_sregs_set(struct vcpu *v, const struct zendo_sregs *s);
bool svm_msr_get(struct vcpu *v, uint32_t index, uint64_t *val);
bool svm_msr_set(struct vcpu *v, uint32_t index, uint64_t val);
void svm_cr4_set(struct vcpu *v, uint64_t val);
void svm_cr2_set(struct vcpu *v, uint64_t val);
void svm_tsc_offset(struct vcpu *v, uint64_t offset);
void svm_flush_guest(struct vcpu *v);

#endif
