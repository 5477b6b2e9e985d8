/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HVPRIV_GNTDEV_H
#define HVPRIV_GNTDEV_H

struct ioctl_gntdev_grant_copy;

/* gntdev_copy.c */
long hv_gntdev_copy(struct ioctl_gntdev_grant_copy __user *arg);

#endif /* HVPRIV_GNTDEV_H */
