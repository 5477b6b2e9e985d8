/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libxengnttab and libxenevtchn as the daemon uses them, without a hypervisor: in the folder $FAKE_XEN a guest's page is the file
 * page-DOMID, an event to dom0 is a datagram with the port to the socket "store", one to a guest is a byte to guest-DOMID.
 * As with the real ones, all the daemon had is gone when it dies, and events meanwhile are lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <xenevtchn.h>
#include <xengnttab.h>

struct xengntdev_handle {
	int unused;
};

struct xenevtchn_handle {
	int fd;
};

static struct xengntdev_handle gnttab;
static struct xenevtchn_handle evtchn;

static struct sockaddr_un address(const char *name, unsigned number)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/", getenv("FAKE_XEN"));
	(void)snprintf(sa.sun_path + strlen(sa.sun_path), 32, name, number);
	return sa;
}

xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned open_flags)
{
	(void)logger;
	(void)open_flags;
	return (xengnttab_handle *)&gnttab;
}

int xengnttab_close(xengnttab_handle *xgt)
{
	(void)xgt;
	return 0;
}

void *xengnttab_map_grant_ref(xengnttab_handle *xgt, uint32_t domid, uint32_t ref, int prot)
{
	struct sockaddr_un sa = address("page-%u", domid);
	void *p;
	int fd;

	(void)xgt;
	(void)ref;
	fd = open(sa.sun_path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	p = mmap(NULL, 4096, prot, MAP_SHARED, fd, 0);
	(void)close(fd);
	return p == MAP_FAILED ? NULL : p;
}

int xengnttab_unmap(xengnttab_handle *xgt, void *start_address, uint32_t count)
{
	(void)xgt;
	return munmap(start_address, 4096 * (size_t)count);
}

xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned open_flags)
{
	struct sockaddr_un sa = address("store", 0);

	(void)logger;
	(void)open_flags;
	evtchn.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	(void)unlink(sa.sun_path);
	if (bind(evtchn.fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return NULL;
	return &evtchn;
}

int xenevtchn_close(xenevtchn_handle *xce)
{
	return close(xce->fd);
}

int xenevtchn_fd(xenevtchn_handle *xce)
{
	return xce->fd;
}

/* The port here is the domain's id. */
xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *xce, uint32_t domid, evtchn_port_t remote_port)
{
	(void)xce;
	(void)remote_port;
	return (xenevtchn_port_or_error_t)domid;
}

int xenevtchn_unbind(xenevtchn_handle *xce, evtchn_port_t port)
{
	(void)xce;
	(void)port;
	return 0;
}

int xenevtchn_notify(xenevtchn_handle *xce, evtchn_port_t port)
{
	struct sockaddr_un sa = address("guest-%u", port);

	/* one that is not looked at yet is as good as two */
	(void)sendto(xce->fd, "", 1, MSG_DONTWAIT, (struct sockaddr *)&sa, sizeof(sa));
	return 0;
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *xce)
{
	uint32_t port;

	return recv(xce->fd, &port, sizeof(port), 0) == sizeof(port) ? (xenevtchn_port_or_error_t)port : -1;
}

int xenevtchn_unmask(xenevtchn_handle *xce, evtchn_port_t port)
{
	(void)xce;
	(void)port;
	return 0;
}
