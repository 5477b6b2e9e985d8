/* SPDX-License-Identifier: GPL-2.0-only */
/* Which devices a domain is to have after its guest has rebooted: attach.c and wanted.c, with a kernel that has a list of domains. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "agent.h"
#include "control.h"
#include "device.h"
#include "job.h"
#include "log.h"
#include "look.h"
#include "runtime.h"
#include "script.h"
#include "wanted.h"

/* ---- the world ---- */

static char folder[32];			/* for /run/zendo/domains */
static struct hvpriv_domain_info domains[4];
static size_t nr_domains;
static struct job *started;
static void (*meanwhile)(void);		/* while a device is attached: scripts take their time */
static unsigned complaints;
static char complaint[512];

static void add_domain(uint32_t domid, const char *name)
{
	struct hvpriv_domain_info *d = &domains[nr_domains++];

	*d = (struct hvpriv_domain_info) { .domid = domid };
	(void)snprintf(d->name, sizeof(d->name), "%s", name);
}

static void write_definition(const char *name, const char *devices)
{
	char path[ZENDO_RUNTIME_PATH_MAX];
	FILE *f;

	assert_int_equal(zendo_runtime_path(name, "", path), 0);
	assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
	assert_int_equal(zendo_runtime_path(name, "config", path), 0);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "name='%s'\nkernel='/k'\nmemory=16\n%s", name, devices);
	assert_int_equal(fchmod(fileno(f), 0640), 0);
	fclose(f);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/wanted.XXXXXX");
	assert_non_null(mkdtemp(folder));
	nr_domains = 0;
	complaints = 0;
	meanwhile = NULL;
	write_definition("web", "disk=['/a,raw,xvda,w', '/b,raw,xvdb,r', '/c,raw,xvdc,w']\nvif=['bridge=br0', 'bridge=br1', 'bridge=br2']\n");
	write_definition("other", "");
	add_domain(4, "other");
	add_domain(5, "web");
	return 0;
}

static int tear_down(void **state)
{
	static const char *const files[] = { "web/config", "web/devices", "web", "other/config", "other/devices", "other", "" };
	char path[64];

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		(void)remove(path);
	}
	assert_int_equal(access(folder, F_OK), -1);	/* nothing else was written */
	return 0;
}

int zendo_runtime_path(const char *name, const char *file, char ret[static ZENDO_RUNTIME_PATH_MAX])
{
	(void)snprintf(ret, ZENDO_RUNTIME_PATH_MAX, "%s/%s/%s", folder, name, file);
	return 0;
}

int zendo_device_list(int fd, struct hvpriv_domain_info **ret, size_t *ret_nr)
{
	(void)fd;
	*ret = calloc(nr_domains + 1, sizeof(**ret));
	memcpy(*ret, domains, nr_domains * sizeof(**ret));
	*ret_nr = nr_domains;
	return 0;
}

const char *zendo_device_strerror(int error)
{
	return strerror(-error);
}

int job_start(struct job *j)
{
	assert_null(started);
	started = j;
	return 0;
}

static int fake_attach(int hvback, struct spec *s, struct zendo_error *e)
{
	(void)hvback;
	(void)s;
	(void)e;
	if (meanwhile)
		meanwhile();
	return 0;
}

static const struct device_class fake_class = { .name = "fake", .attach = fake_attach };

const struct device_class *device_class_find(const char *name)
{
	(void)name;
	return &fake_class;
}

/* The agent knows of no device yet, and the runner lends no threads. */
struct device *device_find(struct agent *a, const struct hvback_id *id)
{
	(void)a;
	(void)id;
	return NULL;
}

int device_new(struct agent *a, const struct hvback_id *id, struct device **ret)
{
	(void)a;
	(void)id;
	*ret = NULL;
	return 0;
}

void device_look(struct device *d)
{
	(void)d;
}

int nodes_make(struct agent *a, struct spec *specs, size_t nr)
{
	(void)a;
	(void)specs;
	(void)nr;
	return 0;
}

void script_published(const struct hvback_id *id)
{
	(void)id;
}

int zendo_control_connect(const char *name, int *ret_fd)
{
	(void)name;
	(void)ret_fd;
	return -ENOENT;
}

void log_line(int priority, const char *format, ...)
{
	va_list ap;

	if (priority > LOG_ERR)
		return;
	complaints++;
	va_start(ap, format);
	(void)vsnprintf(complaint, sizeof(complaint), format, ap);
	va_end(ap);
}

/* Nothing here comes to these. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
const struct hvback_id *device_id(const struct device *d) { abort(); }
struct device *device_next(const struct device *d) { abort(); }
void device_back_path(const struct hvback_id *id, char ret[static NODE_PATH_MAX]) { abort(); }
void look_wait(const struct hvback_id *id) { abort(); }
int zendo_control_patience(int fd, unsigned seconds) { abort(); }
int zendo_control_request(int fd, struct json_object *request, struct json_object **ret) { abort(); }
int zendo_store_read(struct zendo_store *s, uint32_t tx, const char *path, char **ret, size_t *ret_len) { abort(); }
int plumb_fail(const struct zendo_vif *v, struct zendo_error *e, int r, const char *format, ...) { abort(); }
#pragma GCC diagnostic pop

/* ---- what is asked ---- */

static void on_done(void *userdata, int r, const struct zendo_error *e)
{
	(void)e;
	*(int *)userdata = r;
}

/* A disk, or an interface with this number. As somebody may ask for while the domain runs. */
static void attach(uint32_t domid, const char *disk, const char *vif, uint32_t devid)
{
	struct agent a = { .hvpriv = -1, .hvback = -1 };
	struct zendo_config *c = calloc(1, sizeof(*c));
	struct zendo_error e = {};
	struct job *j;
	int r = -1;

	c->name = strdup("web");
	if (disk) {
		c->disks = calloc(1, sizeof(*c->disks));
		c->nr_disks = 1;
		assert_int_equal(zendo_disk_parse(disk, NULL, c->disks, &e), 0);
	} else {
		c->vifs = calloc(1, sizeof(*c->vifs));
		c->nr_vifs = 1;
		assert_int_equal(zendo_vif_parse(vif, NULL, c->vifs, &e), 0);
		c->vifs->devid = devid;
	}
	assert_int_equal(attach_start(&a, domid, c, true, on_done, &r, &e), 0);
	j = TAKE_PTR(started);
	j->work(j);
	j->done(j);
	assert_int_equal(r, 1);		/* done, though the runner did not answer */
}

static void detach(uint32_t domid, const char *class, uint32_t devid)
{
	struct zendo_error e = {};
	struct hvback_id id;

	assert_int_equal(zendo_backend_id(class, domid, devid, &id), 0);
	assert_int_equal(wanted_remove(-1, &id, &e), 0);
}

/* "xvda xvdb br0 br1", and whether they are other than the definition's. */
static void expect_list(bool changed, const char *list)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c = NULL;
	struct zendo_error e = {};
	char found[256] = "";
	bool is_changed;

	if (wanted_load("web", &c, &is_changed, &e) < 0)
		fail_msg("%s", e.text);
	for (size_t i = 0; i < c->nr_disks; i++)
		(void)snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s ", c->disks[i].vdev);
	for (size_t i = 0; i < c->nr_vifs; i++)
		(void)snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s ", c->vifs[i].bridge);
	assert_string_equal(found, list);
	assert_int_equal(is_changed, changed);
}

#define DEFINED "xvda xvdb xvdc br0 br1 br2 "

/* ---- tests ---- */

static void what_is_attached_stays_after_a_reboot(void **state)
{
	(void)state;
	expect_list(false, DEFINED);
	attach(5, "/d,raw,xvdd,w", NULL, 0);
	attach(5, NULL, "bridge=br3", 3);
	expect_list(true, "xvda xvdb xvdc xvdd br0 br1 br2 br3 ");
	assert_int_equal(complaints, 0);
}

static void what_is_detached_is_taken_by_class_and_number(void **state)
{
	(void)state;
	detach(5, "vbd", 51728);
	expect_list(true, "xvda xvdc br0 br1 br2 ");
	detach(5, "vif", 0);
	expect_list(true, "xvda xvdc br1 br2 ");
	detach(5, "vif", 2);
	expect_list(true, "xvda xvdc br1 ");
	detach(5, "vbd", 51744);
	detach(5, "vbd", 51712);
	expect_list(true, "br1 ");
	detach(5, "vif", 1);
	expect_list(true, "");
}

static void what_is_not_there_is_not_taken(void **state)
{
	(void)state;
	detach(5, "vbd", 1);
	detach(5, "vif", 51712);
	expect_list(false, DEFINED);
}

static void the_domain_ends(void)
{
	nr_domains--;
}

static void its_name_starts_again(void)
{
	nr_domains--;
	add_domain(6, "web");
}

static void what_was_attached_to_a_domain_that_ended_is_nobodys(void **state)
{
	(void)state;
	meanwhile = the_domain_ends;
	attach(5, NULL, "bridge=br3", 3);
	expect_list(false, DEFINED);
	assert_int_equal(complaints, 0);
}

static void what_was_attached_to_a_domain_that_ended_is_none_of_the_next_start(void **state)
{
	(void)state;
	meanwhile = its_name_starts_again;
	attach(5, NULL, "bridge=br3", 3);
	detach(5, "vbd", 51712);
	expect_list(false, DEFINED);
	/* nor when that has a list of its own */
	meanwhile = NULL;
	attach(6, NULL, "bridge=br4", 4);
	detach(5, "vbd", 51712);
	expect_list(true, DEFINED "br4 ");
	assert_int_equal(complaints, 0);
}

static void what_could_not_be_read_again_is_not_written(void **state)
{
	(void)state;
	attach(5, NULL, "bridge=br3,vifname=one", 3);
	attach(5, NULL, "bridge=br4,vifname=one", 4);
	expect_list(true, DEFINED "br3 ");
	assert_int_equal(complaints, 1);
	assert_non_null(strstr(complaint, "what was attached to 'web' will not be there when its guest reboots: "));
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_attached_stays_after_a_reboot),
		TEST(what_is_detached_is_taken_by_class_and_number),
		TEST(what_is_not_there_is_not_taken),
		TEST(what_was_attached_to_a_domain_that_ended_is_nobodys),
		TEST(what_was_attached_to_a_domain_that_ended_is_none_of_the_next_start),
		TEST(what_could_not_be_read_again_is_not_written),
	};

	if (geteuid() != 0) {
		puts("skip what a domain is to have: it asks who owns definitions: needs root");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
