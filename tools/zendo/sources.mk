# SPDX-License-Identifier: GPL-2.0-only
# zendo, paths from the top of the tree; besides these it is libzendo. Give it the version with
# -DZENDO_VERSION='"..."'.

ZENDO_SRCS := \
	tools/zendo/attach.c \
	tools/zendo/catalogue.c \
	tools/zendo/cli.c \
	tools/zendo/clone_config.c \
	tools/zendo/clone_disk.c \
	tools/zendo/cmd_clone.c \
	tools/zendo/cmd_config.c \
	tools/zendo/cmd_console.c \
	tools/zendo/cmd_control.c \
	tools/zendo/cmd_create.c \
	tools/zendo/cmd_device.c \
	tools/zendo/cmd_dmesg.c \
	tools/zendo/cmd_doctor.c \
	tools/zendo/cmd_dump.c \
	tools/zendo/cmd_enable.c \
	tools/zendo/cmd_events.c \
	tools/zendo/cmd_explain.c \
	tools/zendo/cmd_image.c \
	tools/zendo/cmd_info.c \
	tools/zendo/cmd_launch.c \
	tools/zendo/cmd_list.c \
	tools/zendo/cmd_logs.c \
	tools/zendo/cmd_names.c \
	tools/zendo/cmd_net.c \
	tools/zendo/cmd_rename.c \
	tools/zendo/cmd_top.c \
	tools/zendo/cmd_try.c \
	tools/zendo/cmd_shutdown.c \
	tools/zendo/cmd_stat.c \
	tools/zendo/cmd_store.c \
	tools/zendo/cmd_vcpu.c \
	tools/zendo/definition_file.c \
	tools/zendo/doctor_checks.c \
	tools/zendo/doctor_kernel.c \
	tools/zendo/doctor_keys.c \
	tools/zendo/image_plan.c \
	tools/zendo/main.c \
	tools/zendo/progress.c \
	tools/zendo/sample.c \
	tools/zendo/sample_table.c \
	tools/zendo/sample_take.c \
	tools/zendo/small_guest.c \
	tools/zendo/state.c \
	tools/zendo/top.c \
	tools/zendo/traces.c \
	tools/zendo/try_output.c \
	tools/zendo/unit.c \
	tools/zendo/xl.c \
	tools/zendo/xl_list.c
ZENDO_CFLAGS := -Iinclude -Iinclude/uapi -Itools/libzendo -Itools/zendo
ZENDO_PKGS := libsystemd json-c libmnl

# The agent's, as it is built for it.
ZENDO_SHARED_SRCS := tools/hotplug/run.c
ZENDO_PKGS := libsystemd json-c libmnl ncursesw
