/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * script_unit.h without systemd, below $FAKE_KERNEL: the real script runs, with the real store. As a real unit it outlives the agent:
 *
 *	units/DEVICE.script	its process, then the script's path, the argument that undoes, and the environment
 *	etc/scripts		for /etc/zendo/scripts
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend.h"
#include "fake_kernel.h"
#include "script_unit.h"

#define LINES	(2 + SCRIPT_UNIT_ENV)

static void unit_path(const struct hvback_id *id, char ret[static 512])
{
	char name[ZENDO_BACKEND_NAME_MAX];

	(void)snprintf(ret, 512, "%s/units/%s.script", getenv("FAKE_KERNEL"), zendo_backend_name(id, name));
}

/* A group of its own, which is killed whole. @argument NULL: what a unit runs when its script has failed, but without that. */
static pid_t begin(const char *script, const char *argument, const char *const *env)
{
	char store[300], path[512];
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	(void)setpgid(0, 0);
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &(uint64_t) { 0 }, NULL, 8);
	for (; *env; env++)
		(void)putenv((char *)*env);
	(void)snprintf(store, sizeof(store), "%s/run/store.sock", getenv("FAKE_KERNEL"));
	(void)setenv("XENSTORED_PATH", store, 1);
	(void)setenv("RUNTIME_DIRECTORY", getenv("FAKE_KERNEL"), 1);
	if (!argument)
		(void)execl(SCRIPT_UNDO, SCRIPT_UNDO, "failed", "/bin/true", (char *)NULL);
	(void)snprintf(path, sizeof(path), "%s/etc/scripts/%s", getenv("FAKE_KERNEL"), strrchr(script, '/') + 1);
	(void)execl(path, script, argument, (char *)NULL);
	_exit(127);
}

/* Its status, or -ETIMEDOUT: it is killed then. */
static int wait_for(pid_t pid, unsigned seconds)
{
	struct pollfd p = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	int status = 0, n = p.fd < 0 ? 1 : poll(&p, 1, (int)seconds * 1000);

	if (n == 0)
		(void)kill(-pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	if (p.fd >= 0)
		(void)close(p.fd);
	return n == 0 ? -ETIMEDOUT : status;
}

static void write_unit(const struct script_unit *u, pid_t pid)
{
	char path[512];
	FILE *f;

	unit_path(u->id, path);
	f = fopen(path, "we");
	if (!f)
		abort();
	fprintf(f, "%d\n%s\n%s\n", pid, u->undo[0], u->undo[1]);
	for (size_t i = 0; u->env[i]; i++)
		fprintf(f, "%s\n", u->env[i]);
	fclose(f);
}

int script_unit_start(const struct script_unit *u, struct zendo_error *e)
{
	struct zendo_error why;
	pid_t pid;
	int r;

	die_at("before-script");
	pid = begin(u->make[0], u->make[1], u->env);
	write_unit(u, pid);
	r = wait_for(pid, u->seconds);
	write_unit(u, 0);
	die_at("script");
	if (r == 0)
		return 0;
	(void)wait_for(begin("", NULL, u->env), 10);
	(void)script_unit_stop(u->id, &why);
	if (r == -ETIMEDOUT)
		return zendo_error(e, r, "it was not done in %u seconds, and was killed", u->seconds);
	return zendo_error(e, -EIO, "exit status %d", WEXITSTATUS(r));
}

int script_unit_stop(const struct hvback_id *id, struct zendo_error *e)
{
	char path[512], *lines[LINES + 1] = {};
	size_t size = 0, nr = 0;
	int pid, r = 0;
	FILE *f;

	die_at("before-script-stop");
	unit_path(id, path);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%d\n", &pid) != 1)
		abort();
	while (nr < LINES && getline(&lines[nr], &size, f) > 0) {
		lines[nr][strcspn(lines[nr], "\n")] = '\0';
		nr++;
		size = 0;
	}
	free(lines[nr]);
	lines[nr] = NULL;
	fclose(f);
	if (pid > 0)
		(void)kill(-pid, SIGKILL);	/* it may be another agent's child */
	if (nr >= 2)
		r = wait_for(begin(lines[0], lines[1], (const char *const *)lines + 2), 10);
	for (size_t i = 0; i < nr; i++)
		free(lines[i]);
	(void)unlink(path);
	return r ? zendo_error(e, -EIO, "it says %d", r) : 0;
}

int script_unit_list(void (*one)(const struct hvback_id *id, void *userdata), void *userdata, struct zendo_error *e)
{
	char path[512];
	struct dirent *entry;
	struct hvback_id id;
	DIR *d;

	(void)e;
	(void)snprintf(path, sizeof(path), "%s/units", getenv("FAKE_KERNEL"));
	d = opendir(path);
	while (d && (entry = readdir(d))) {
		char *dot = strstr(entry->d_name, ".script");

		if (!dot)
			continue;
		*dot = '\0';
		if (zendo_backend_parse_name(entry->d_name, &id) >= 0)
			one(&id, userdata);
	}
	if (d)
		(void)closedir(d);
	return 0;
}
