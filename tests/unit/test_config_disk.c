/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config-disk.h"

static const struct zendo_error place = { .source = "web.cfg", .line = 7, .column = 3 };

static struct zendo_disk parse(const char *text)
{
	struct zendo_error e = {};
	struct zendo_disk d = {};

	if (zendo_disk_parse(text, &place, &d, &e) < 0)
		fail_msg("%s: %s", text, e.text);
	return d;
}

static void refuse(const char *text, int r, const char *words)
{
	struct zendo_error e = {};
	struct zendo_disk d = {};

	assert_int_equal(zendo_disk_parse(text, &place, &d, &e), r);
	assert_null(d.target);
	assert_int_equal(e.line, 7);
	assert_string_equal(e.source, "web.cfg");
	if (!strstr(e.text, words) || strncmp(e.text, "'disk': ", 8) != 0)
		fail_msg("'%s' not in '%s'", words, e.text);
}

static void assert_disk(const char *text, const char *target, enum zendo_disk_format format, uint32_t devid, bool readonly)
{
	struct zendo_disk d = parse(text);

	if (target)
		assert_string_equal(d.target, target);
	else
		assert_null(d.target);
	assert_int_equal(d.format, format);
	assert_int_equal(d.devid, devid);
	assert_int_equal(d.readonly, readonly);
	zendo_disk_clear(&d);
}

static void both_forms_of_the_manual_are_read(void **state)
{
	(void)state;
	assert_disk("phy:vg0/web,xvda,w", "/dev/vg0/web", ZENDO_DISK_RAW, 51712, false);
	assert_disk("phy:/dev/vg0/web,xvda1,r", "/dev/vg0/web", ZENDO_DISK_RAW, 51713, true);
	assert_disk("file:/srv/a.img,xvdb,w", "/srv/a.img", ZENDO_DISK_RAW, 51728, false);
	assert_disk("tap:qcow2:/srv/a,xvdb,ro", "/srv/a", ZENDO_DISK_QCOW2, 51728, true);
	assert_disk("tap2:aio:/srv/a,sda,rw", "/srv/a", ZENDO_DISK_RAW, 2048, false);
	assert_disk("/dev/vg/guest,raw,hda,rw", "/dev/vg/guest", ZENDO_DISK_RAW, 768, false);
	assert_disk("/dev/vg/guest,,hda", "/dev/vg/guest", ZENDO_DISK_RAW, 768, false);
	assert_disk(" /srv/a , qcow2 , xvda , r ", "/srv/a", ZENDO_DISK_QCOW2, 51712, true);
	assert_disk("format=raw, vdev=hda, access=rw, target=/dev/vg/guest", "/dev/vg/guest", ZENDO_DISK_RAW, 768, false);
	assert_disk("format=qcow2,vdev=xvdc,access=ro,target=/srv/a, b=c.img", "/srv/a, b=c.img", ZENDO_DISK_QCOW2, 51744, true);
	assert_disk("/srv/a.vhdx,vhdx,xvda,w", "/srv/a.vhdx", ZENDO_DISK_VHDX, 51712, false);
	assert_disk("vpc:/srv/a,xvda,w", "/srv/a", ZENDO_DISK_VHD, 51712, false);
	assert_disk("nbd://host:10809/export,raw,xvda,r", "nbd://host:10809/export", ZENDO_DISK_RAW, 51712, true);
	assert_disk("nbd+unix:///?socket=/run/x,,xvda", "nbd+unix:///?socket=/run/x", ZENDO_DISK_RAW, 51712, false);
	assert_disk("format=qcow2,vdev=xvda,target=nbd+unix:///e?socket=/x,y", "nbd+unix:///e?socket=/x,y", ZENDO_DISK_QCOW2, 51712, false);
	assert_disk("raw:/dev/vg/guest,hda,w", "/dev/vg/guest", ZENDO_DISK_RAW, 768, false);
	assert_disk("/srv/x=1.img,raw,xvda,w,", "/srv/x=1.img", ZENDO_DISK_RAW, 51712, false);
	assert_disk("vdev=xvda,/srv/a,raw,r", "/srv/a", ZENDO_DISK_RAW, 51712, true);
	assert_disk("/srv/a.iso,,hdc:cdrom,r", "/srv/a.iso", ZENDO_DISK_RAW, 22 << 8, true);
	assert_disk(",empty,hdc,r,cdrom", NULL, ZENDO_DISK_EMPTY, 22 << 8, true);
	assert_disk("vdev=hdc,devtype=cdrom,target=", NULL, ZENDO_DISK_EMPTY, 22 << 8, true);
}

static void options_have_their_effect(void **state)
{
	struct zendo_disk d = parse("phy:sdb,xvda,w!,no-discard,sector=4096,queues=2,iops=500,bw=20M,direct-io-safe,"
				     "backendtype=phy");

	(void)state;
	assert_string_equal(d.target, "/dev/sdb");
	assert_true(d.must_be_block);
	assert_true(d.force);
	assert_true(d.no_discard);
	assert_int_equal(d.sector, 4096);
	assert_int_equal(d.queues, 2);
	assert_int_equal(d.iops, 500);
	assert_int_equal(d.bandwidth, 20000000);
	assert_int_equal(d.at.line, 7);
	zendo_disk_clear(&d);
}

static void assert_script(const char *text, const char *script, const char *target)
{
	struct zendo_disk d = parse(text);

	assert_string_equal(d.script, script);
	assert_string_equal(d.target, target);
	assert_int_equal(d.format, ZENDO_DISK_RAW);
	assert_int_equal(d.devid, 51712);
	zendo_disk_clear(&d);
}

static void targets_of_scripts_may_be_anything(void **state)
{
	(void)state;
	assert_script("vdev=xvda,access=w,script=block-iscsi,target=iqn=iqn.2001-05.com.x:a,portal=10.0.0.1", "block-iscsi",
		      "iqn=iqn.2001-05.com.x:a,portal=10.0.0.1");
	assert_script("web,raw,xvda,w,script=/srv/block-own", "/srv/block-own", "web");
	assert_script("script=block-own,phy:sdb,xvda", "block-own", "sdb");
	assert_script("drbd:web,xvda,w", "block-drbd", "web");
	assert_script("iscsi:a@b,xvda,w", "block-iscsi", "a@b");
	assert_script("nbd:host:10809,xvda,w", "block-nbd", "host:10809");
	assert_script("enbd:x,xvda,w,script=/y", "/y", "x");
	refuse("web,raw,xvda,w,script=x/y", -EINVAL, "must be an absolute path, or a name in");
	refuse("web,raw,xvda,w,script=", -EINVAL, "must be an absolute path, or a name in");
	refuse("web,qcow2,xvda,w,script=/x", -EINVAL, "no other format than raw");
	refuse("vdev=xvda,cdrom,script=/x", -EINVAL, "a target");
	refuse("web,raw,xvda,w,script=/x,iops=5", -EOPNOTSUPP, "with script=");
}

static void mistakes_are_named(void **state)
{
	(void)state;
	refuse("", -EINVAL, "vdev is missing");
	refuse("/srv/a", -EINVAL, "vdev is missing");
	refuse("/srv/a,raw,xyz,w", -EINVAL, "unknown vdev 'xyz'");
	refuse("/srv/a,raw,sdq,w", -EINVAL, "no vdev 'sdq'");
	refuse("/srv/a,raw,xvda0,w", -EINVAL, "unknown vdev 'xvda0'");
	refuse("/srv/a,raw,xvdaaaaaaaaaaaaaaaaa,w", -EINVAL, "too long");
	refuse("/srv/a,row,xvda,w", -EINVAL, "unknown format 'row'");
	refuse("srv/a,raw,xvda,w", -EINVAL, "absolute path");
	refuse("/srv/a,raw,xvda,x", -EINVAL, "access is 'x'");
	refuse("/srv/a,raw,xvda,w,more", -EINVAL, "'more' is one value too many");
	refuse("/srv/a,raw,xvda,w,colour=red", -EINVAL, "unknown key 'colour'");
	refuse("/srv/a,raw,xvda,w,vdev=xvdb", -EINVAL, "vdev is given twice");
	refuse("/srv/a,raw,xvda,w,sector=1000", -EINVAL, "sector is '1000'");
	refuse("/srv/a,raw,xvda,w,queues=0", -EINVAL, "queues is '0'");
	refuse("/srv/a,raw,xvda,w,iops=0", -EINVAL, "iops is '0'");
	refuse("/srv/a,raw,xvda,w,iops=K", -EINVAL, "iops is 'K'");
	refuse("/srv/a,raw,xvda,w,bw=", -EINVAL, "bw is ''");
	refuse("/srv/a,raw,xvda,w,bw=5MB", -EINVAL, "bw is '5MB'");
	refuse("/srv/a,raw,xvda,w,bw=-5", -EINVAL, "bw is '-5'");
	refuse("/srv/a,raw,xvda,w,bw=4294967295001", -EINVAL, "bw is '4294967295001'");
	refuse("/srv/a,raw,xvda,w,bw=99999999999999999999999999", -EINVAL, "bw is '9");
	refuse("/srv/a,qcow2,xvda,w,iops=5", -EOPNOTSUPP, "limit raw files and devices");
	refuse("nbd://h/x,raw,xvda,w,bw=5K", -EOPNOTSUPP, "limit raw files and devices");
	refuse("/srv/a,raw,xvda,w,queues=129", -EINVAL, "queues is '129'");
	refuse("/srv/a,raw,xvda,w,backend=driver", -EOPNOTSUPP, "dom0 only");
	refuse("/srv/a,raw,xvda,w,specification=virtio", -EOPNOTSUPP, "specification 'virtio'");
	refuse("ftp://host/x,raw,xvda,w", -EINVAL, "must be an absolute path, or begin with nbd://");
	refuse("fat:/srv,raw,xvda,w", -EINVAL, "must be an absolute path");
	refuse("phy:/dev/sdb,format=qcow2,vdev=xvda", -EINVAL, "exclude each other");
	refuse("/srv/a,raw,xvda,w!,cdrom", -EINVAL, "nobody writes");
	refuse(",raw,xvda,w", -EINVAL, "no target");
	refuse("/srv/a,empty,xvda,w", -EINVAL, "format=empty and a target");
	refuse("/srv/a,raw,xvda,w,at=nothing", -EINVAL, "bad at");
}

static void numbers_follow_the_table(void **state)
{
	static const struct {
		const char *vdev;
		uint32_t number;
	} known[] = {
		{ "xvda", 51712 }, { "xvda15", 51727 }, { "xvda16", 1 << 28 | 16 }, { "xvdp", 51952 },
		{ "xvdq", 1 << 28 | 16 << 8 }, { "xvdaa1", 1 << 28 | 26 << 8 | 1 }, { "sda", 2048 }, { "sdp15", 2303 },
		{ "hda", 768 }, { "hdb1", 833 }, { "hdd63", 22 << 8 | 64 | 63 }, { "d0p0", 51712 }, { "d16p2", 1 << 28 | 16 << 8 | 2 },
		{ "51712", 51712 }, { "0xca00", 51712 },
	};
	static const char *const high[] = { "sdq", "sda16", "hde", "hda64", "xvda256", "0", "0x20000000", "d1048576p0" };
	static const char *const bad[] = { "", "xvd", "xvda01", "xvdA", "vda", "xvda1b", "d1", "d1p", "d1p01", "d01p1", "1x",
					   "xvdzzzzzzzzz", "xvda9999999999" };
	uint32_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		assert_int_equal(zendo_vdev_number(known[i].vdev, &n), 0);
		assert_int_equal(n, known[i].number);
	}
	for (size_t i = 0; i < sizeof(high) / sizeof(high[0]); i++)
		assert_int_equal(zendo_vdev_number(high[i], &n), -ERANGE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(zendo_vdev_number(bad[i], &n), -EINVAL);
}

static void text_comes_back_as_the_same_disk(void **state)
{
	static const char *const texts[] = {
		"phy:vg0/web,xvda,w", "/srv/a,qcow2,xvdb,r,queues=3", ",empty,hdc,r,cdrom",
		"vdev=xvda,access=r,format=vhdx,target=/a", "vdev=xvda,access=w,format=qcow2,target=nbd://h/x",
		"vdev=sda,access=w!,no-discard,sector=512,iops=1K,bw=4294G,target=/a,b",
		"vdev=xvda,access=w,script=/x,target=a=b,c", "phy:sdb,xvda,script=x", "drbd:web,xvda,w",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct zendo_disk a = parse(texts[i]), b = {};
		char *first, *second;

		assert_int_equal(zendo_disk_format(&a, true, &first), 0);
		assert_int_equal(zendo_disk_parse(first, NULL, &b, NULL), 0);
		assert_string_equal(b.at.source, "web.cfg");
		assert_int_equal(b.at.line, 7);
		assert_int_equal(b.at.column, 3);
		assert_int_equal(zendo_disk_format(&b, true, &second), 0);
		assert_string_equal(first, second);
		zendo_disk_clear(&a);
		zendo_disk_clear(&b);
		free(first);
		free(second);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_forms_of_the_manual_are_read),
		cmocka_unit_test(options_have_their_effect),
		cmocka_unit_test(targets_of_scripts_may_be_anything),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(numbers_follow_the_table),
		cmocka_unit_test(text_comes_back_as_the_same_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
