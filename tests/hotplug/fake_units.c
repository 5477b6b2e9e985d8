/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * disk_unit.h without systemd, below $FAKE_KERNEL: the process is the real qemu-nbd with the real options, but for --connect: it listens on
 * its socket, has the image open and locked, and the kernel's device is a file.
 *
 *	units/NAME		its process, and its nbd device
 *	block/nbdN/{pid,size}	as in /sys
 *	no-nbd			the module cannot be loaded
 *	swap			"FROM TO": what is FROM is TO just before the process begins
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend.h"
#include "disk_unit.h"
#include "fake_kernel.h"

#define NR_NBD	3
#define AGAIN_MS	500

static void path_of(char *ret, const char *format, const char *what)
{
	char relative[200];

	(void)snprintf(relative, sizeof(relative), format, what);
	(void)snprintf(ret, 512, "%s/%s", getenv("FAKE_KERNEL"), relative);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		abort();
}

static void nbd_file(char *ret, unsigned n, const char *file)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "block/nbd%u%s", n, file);
	path_of(ret, "%s", name);
}

char *disk_unit_name(const struct hvback_id *id, char ret[static DISK_UNIT_NAME_MAX])
{
	char name[ZENDO_BACKEND_NAME_MAX];

	(void)snprintf(ret, DISK_UNIT_NAME_MAX, "zendo-disk-%s.service", zendo_backend_name(id, name));
	return ret;
}

int disk_unit_load_nbd(struct zendo_error *e)
{
	char path[512];

	(void)e;
	path_of(path, "%s", "no-nbd");
	if (access(path, F_OK) == 0)
		return 0;
	for (unsigned i = 0; i < NR_NBD; i++) {
		nbd_file(path, i, "");
		(void)mkdir(path, 0755);
		nbd_file(path, i, "/size");
		write_file(path, "0\n");
	}
	return 0;
}

static int spawn(const char **args, pid_t *ret)
{
	char *const environment[] = { NULL };
	sigset_t none;
	posix_spawnattr_t attr;
	int status, r;

	(void)sigemptyset(&none);
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	r = -posix_spawn(ret, args[0], NULL, &attr, (char *const *)args, environment);
	(void)posix_spawnattr_destroy(&attr);
	if (r == 0 && (waitpid(*ret, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status)))
		r = -EIO;
	return r;
}

/* The file that --pid-file= made. */
static pid_t pid_in(const char *path)
{
	FILE *f = fopen(path, "re");
	int pid = 0;

	if (f) {
		if (fscanf(f, "%d", &pid) != 1)
			pid = 0;
		fclose(f);
	}
	return pid;
}

static void swap_files(void)
{
	char path[512], from[256], to[256];
	FILE *f;

	path_of(path, "%s", "swap");
	f = fopen(path, "re");
	if (!f)
		return;
	if (fscanf(f, "%255s %255s", from, to) != 2 || rename(from, to) < 0)
		abort();
	fclose(f);
	(void)unlink(path);
}

int disk_unit_start(const struct disk_unit *u, pid_t *ret, struct zendo_error *e)
{
	char name[ZENDO_BACKEND_NAME_MAX], socket[512], pid_file[512], unit[512], path[512], text[64], option[540];
	const char *args[DISK_COMMAND_ARGS + 1];
	struct disk_command c;
	size_t nr = 0;
	int r;

	die_at("before-unit");
	swap_files();
	(void)zendo_backend_name(u->id, name);
	path_of(socket, "units/%s.socket", name);
	path_of(pid_file, "units/%s.pid", name);
	path_of(unit, "units/%s", name);
	if (access(unit, F_OK) == 0)
		return zendo_error(e, -EEXIST, "systemd: the unit is there already");
	disk_command(u, socket, &c);
	(void)snprintf(option, sizeof(option), "--pid-file=%s", pid_file);
	for (size_t i = 0; c.args[i]; i++)
		args[nr++] = c.args[i] == c.connect ? option : c.args[i];
	args[nr] = NULL;
	r = spawn(args, ret);
	if (r < 0)
		return zendo_error(e, r, "qemu-nbd does not serve it");
	*ret = fake_server = pid_in(pid_file);
	(void)snprintf(text, sizeof(text), "%d %u\n", *ret, u->nbd);
	write_file(unit, text);
	die_at("before-size");
	if (kill(*ret, 0) == 0) {
		(void)snprintf(text, sizeof(text), "%ju\n", (uintmax_t)u->chain->size / 512);
		nbd_file(path, u->nbd, "/size");
		write_file(path, text);
		nbd_file(path, u->nbd, "/pid");
		write_file(path, "1\n");
	}
	(void)snprintf(text, sizeof(text), "dev/nbd%u", u->nbd);
	path_of(path, "%s", text);
	write_file(path, "");
	die_at("unit");
	return 0;
}

int disk_unit_stop(const struct hvback_id *id, struct zendo_error *e)
{
	char name[ZENDO_BACKEND_NAME_MAX], path[512], unit[512];
	struct pollfd p = { .events = POLLIN };
	unsigned nbd;
	int pid;
	FILE *f;

	(void)e;
	die_at("before-unit-stop");
	path_of(unit, "units/%s", zendo_backend_name(id, name));
	f = fopen(unit, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%d %u", &pid, &nbd) != 2)
		abort();
	fclose(f);
	p.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (p.fd >= 0) {
		do	/* as the real one: the first may be lost */
			(void)kill(pid, SIGTERM);
		while (poll(&p, 1, AGAIN_MS) <= 0);
		close(p.fd);
	}
	nbd_file(path, nbd, "/pid");
	(void)unlink(path);
	nbd_file(path, nbd, "/size");
	write_file(path, "0\n");
	path_of(path, "units/%s.socket", name);
	(void)unlink(path);
	path_of(path, "units/%s.pid", name);
	(void)unlink(path);
	(void)unlink(unit);
	return 0;
}

int disk_unit_list(void (*one)(const struct hvback_id *id, void *userdata), void *userdata, struct zendo_error *e)
{
	struct dirent *entry;
	struct hvback_id id;
	char path[512];
	DIR *d;

	(void)e;
	path_of(path, "%s", "units");
	d = opendir(path);
	while (d && (entry = readdir(d)))
		if (zendo_backend_parse_name(entry->d_name, &id) >= 0)
			one(&id, userdata);
	if (d)
		(void)closedir(d);
	return 0;
}
