# SPDX-License-Identifier: GPL-2.0-only
# zendo-hotplug, paths from the top of the tree; besides these it is libzendo.

HOTPLUG_SRCS := \
	tools/hotplug/agent.c \
	tools/hotplug/attach.c \
	tools/hotplug/beside.c \
	tools/hotplug/chain.c \
	tools/hotplug/claim.c \
	tools/hotplug/class_vbd.c \
	tools/hotplug/class_vif.c \
	tools/hotplug/device.c \
	tools/hotplug/device_request.c \
	tools/hotplug/disk_command.c \
	tools/hotplug/disk_unit.c \
	tools/hotplug/export.c \
	tools/hotplug/frontend.c \
	tools/hotplug/guard.c \
	tools/hotplug/handshake.c \
	tools/hotplug/job.c \
	tools/hotplug/log.c \
	tools/hotplug/look.c \
	tools/hotplug/magic.c \
	tools/hotplug/main.c \
	tools/hotplug/nbd.c \
	tools/hotplug/nodes.c \
	tools/hotplug/ovs.c \
	tools/hotplug/plumb.c \
	tools/hotplug/plumb_ovs.c \
	tools/hotplug/plumb_proxy.c \
	tools/hotplug/plumb_route.c \
	tools/hotplug/run.c \
	tools/hotplug/script.c \
	tools/hotplug/script_file.c \
	tools/hotplug/script_unit.c \
	tools/hotplug/server.c \
	tools/hotplug/target.c \
	tools/hotplug/target_image.c \
	tools/hotplug/uevent.c \
	tools/hotplug/unit_bus.c \
	tools/hotplug/wanted.c
# with zendo
HOTPLUG_SHARED_SRCS := tools/zendo/unit.c
HOTPLUG_CFLAGS := -Iinclude -Iinclude/uapi -Itools/libzendo -Itools/hotplug -Itools/net -Itools/zendo
HOTPLUG_PKGS := libsystemd json-c libnl-route-3.0
