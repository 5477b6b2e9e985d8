/* SPDX-License-Identifier: GPL-2.0-only */
/* vm_flags are written by a helper since 6.3, and by hand before. */
#ifndef HVPRIV_COMPAT_MM_H
#define HVPRIV_COMPAT_MM_H

#include <linux/mm.h>

static inline void hv_vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
#ifdef HV_HAVE_VM_FLAGS_SET
	vm_flags_set(vma, flags);
#else
	vma->vm_flags |= flags;
#endif
}

static inline void hv_vm_flags_clear(struct vm_area_struct *vma, unsigned long flags)
{
#ifdef HV_HAVE_VM_FLAGS_SET
	vm_flags_clear(vma, flags);
#else
	vma->vm_flags &= ~flags;
#endif
}

#endif /* HVPRIV_COMPAT_MM_H */
