# SPDX-License-Identifier: GPL-2.0-only
#
#	make		hypervisor, tools and test guests
#	make demo	a stock Debian becomes dom0 in QEMU and runs two guests
#	make test	the whole suite
#	make install	into this machine (DESTDIR= for packagers); modules for KDIR's kernel
#	make deb	Debian packages in build/deb
#	make rpm	RPM packages in build/rpm
#	make dist	the sources as a tar, the same bytes each time
#
# Variables: CHECK=1 the checking build, O= build folder, KDIR= kernel headers, V=1 show commands, JOBS= at once in demo, test and bench.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: all hypervisor modules tools guests stage stage-xl stage-lib stage-lib-dev stage-python stage-dkms install uninstall dist deb rpm deps demo test bench soak clean check-tree

CHECK ?= 0
O ?= build
prefix ?= /usr
KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build
VERSION := 0.1.0
JOBS ?= $(shell nproc)
BUILD_ID := $(VERSION)$(if $(filter 1,$(CHECK)),-check)

CC := gcc
PKG_CONFIG ?= pkg-config

ifneq ($(V),1)
Q := @
say = @printf '  %-7s %s\n' $(1) $(2);
endif

# A fresh checkout needs packages before anything can be parsed.
all: hypervisor tools guests

# ---- hypervisor: freestanding, one static ELF ------------------------------------------------

HV_O := $(O)/hypervisor$(if $(filter 1,$(CHECK)),-check)
HV_SRCS := $(sort $(wildcard hypervisor/lib/*.c hypervisor/core/*.c hypervisor/guest/*.c \
	hypervisor/arch/x86/*.c hypervisor/arch/x86/svm/*.c)) \
	$(sort $(wildcard hypervisor/arch/x86/*.S hypervisor/arch/x86/svm/*.S))
HV_OBJS := $(patsubst hypervisor/%,$(HV_O)/%.o,$(HV_SRCS))

# What gcc and clang spell differently. The image that is shipped is gcc's; clang's is not optimized when it is linked.
ifneq ($(findstring clang,$(CC)),)
HV_CC_CFLAGS := -mretpoline
else
HV_CC_CFLAGS := -flto=auto -mindirect-branch=thunk-inline -mindirect-branch-register
HV_CC_LDFLAGS := -no-pie
endif

# No red zone: exceptions use the same stack. General registers only: the x87/SSE state in the CPU is
# somebody else's. PIE code without a GOT needs no relocation at the address it is linked for. Optimized when it is linked: the
# small functions of each exit lie in several files, and calls to them were a tenth of a hypercall. The module has the
# image's digest, so the folder that it is built in must leave no trace.
HV_CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fpie -fvisibility=hidden -fno-stack-protector -fcf-protection=none \
	-mno-red-zone -mgeneral-regs-only -fno-strict-aliasing -fno-common -fno-asynchronous-unwind-tables \
	-fomit-frame-pointer $(HV_CC_CFLAGS) -fno-jump-tables -ffile-prefix-map=$(CURDIR)=. \
	-Wall -Wextra -Werror -Wshadow -Wvla -Wimplicit-fallthrough -Wframe-larger-than=4096 \
	-Ihypervisor -Iinclude -DZENDO_BUILD='"$(BUILD_ID)"' $(if $(filter 1,$(CHECK)),-DZENDO_CHECK)
HV_LDFLAGS := -static -nostdlib $(HV_CC_LDFLAGS) -Wl,--build-id=none -Wl,-z,noexecstack -Wl,-T,hypervisor/boot/image.ld

hypervisor: $(HV_O)/hypervisor.elf

$(HV_O)/hypervisor.elf: $(HV_OBJS) hypervisor/boot/image.ld
	$(call say,LD,$@)
	$(Q)$(CC) $(HV_CFLAGS) $(HV_LDFLAGS) -o $@ $(HV_OBJS)

# The compiler itself calls these, also when all else is already optimized.
$(HV_O)/lib/string.c.o: HV_CFLAGS += -fno-lto

$(HV_O)/%.c.o: hypervisor/%.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(HV_CFLAGS) -MMD -MP -c -o $@ $<

$(HV_O)/%.S.o: hypervisor/%.S Makefile
	@mkdir -p $(@D)
	$(call say,AS,$<)
	$(Q)$(CC) $(HV_CFLAGS) -MMD -MP -c -o $@ $<

-include $(HV_OBJS:.o=.d)

# ---- kernel modules: the digest of the image they will load is built in ------------------------

$(O)/include/zendo-image-digest.h: $(HV_O)/hypervisor.elf
	@mkdir -p $(@D)
	$(Q)echo "#define HVPRIV_IMAGE_SHA256 \"$$(sha256sum $< | cut -d' ' -f1)\"" > $@

modules: $(O)/include/zendo-image-digest.h
	$(Q)$(MAKE) -C $(KDIR) M=$(CURDIR) modules

# ---- tools -------------------------------------------------------------------------------------

-include tools/hotplug/sources.mk
-include tools/libzendo/sources.mk
-include tools/generator/sources.mk
-include tools/net/sources.mk
-include tools/run/sources.mk
-include tools/stored/sources.mk
-include tools/zendo/sources.mk

TOOLS_CFLAGS := -std=gnu11 -O2 -g -D_GNU_SOURCE -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE -pthread \
	-Wall -Wextra -Werror -Wshadow -Wimplicit-fallthrough -Wstrict-prototypes -Wmissing-prototypes \
	-DZENDO_VERSION='"$(VERSION)"' $(CPPFLAGS) $(CFLAGS)
LIBZENDO_OBJS := $(LIBZENDO_SRCS:%.c=$(O)/%.o)

tools: $(O)/zendo $(O)/completion/_zendo $(O)/completion/zendo.fish $(O)/libzendo.so.1 $(O)/zendo-hotplug $(O)/zendo-net $(O)/zendo-run $(O)/zendo-stored $(O)/zendo-generator

# $(1) = program, $(2) = its sources, $(3) = extra flags, $(4) = pkg-config packages
define tool
$(O)/$(1): $$(patsubst %.c,$(O)/%.o,$(2)) $$(LIBZENDO_OBJS)
	$$(call say,LD,$$@)
	$$(Q)$$(CC) -pie -pthread $$(LDFLAGS) -o $$@ $$^ $$(shell $$(PKG_CONFIG) --libs $(4)) $$(LIBZENDO_LIBS)

$$(patsubst %.c,$(O)/%.o,$(2)): $(O)/%.o: %.c Makefile
	@mkdir -p $$(@D)
	$$(call say,CC,$$<)
	$$(Q)$$(CC) $$(TOOLS_CFLAGS) $(3) $$(shell $$(PKG_CONFIG) --cflags $(4)) -MMD -MP -c -o $$@ $$<

-include $$(patsubst %.c,$(O)/%.d,$(2))
endef

$(eval $(call tool,zendo,$(ZENDO_SRCS),$(ZENDO_CFLAGS),$(ZENDO_PKGS)))
$(eval $(call tool,zendo-hotplug,$(HOTPLUG_SRCS),$(HOTPLUG_CFLAGS),$(HOTPLUG_PKGS)))
$(eval $(call tool,zendo-net,$(NET_SRCS),$(NET_CFLAGS),$(NET_PKGS)))
$(eval $(call tool,zendo-run,$(RUN_SRCS),$(RUN_CFLAGS),$(RUN_PKGS)))
$(eval $(call tool,zendo-stored,$(STORED_SRCS),$(STORED_CFLAGS),$(STORED_PKGS)))
$(eval $(call tool,zendo-generator,$(GENERATOR_SRCS),$(GENERATOR_CFLAGS),json-c))

$(O)/zendo: $(ZENDO_SHARED_SRCS:%.c=$(O)/%.o)

# Completion for two shells is made of what the program tells of itself.
$(O)/completion/%: $(O)/zendo tools/zendo/completion/generate
	@mkdir -p $(@D)
	$(call say,GEN,$@)
	$(Q)tools/zendo/completion/generate $(if $(filter %.fish,$@),fish,zsh) $(O)/zendo > $@

$(O)/zendo-hotplug: $(HOTPLUG_SHARED_SRCS:%.c=$(O)/%.o)

# What wants libmnl is linked where that is.
LIBZENDO_MNL_OBJS := $(LIBZENDO_MNL_SRCS:%.c=$(O)/%.o)
$(O)/zendo $(O)/zendo-stored: $(LIBZENDO_MNL_OBJS)

$(LIBZENDO_OBJS) $(LIBZENDO_MNL_OBJS): $(O)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(TOOLS_CFLAGS) $(LIBZENDO_CFLAGS) -Itools/libzendo -MMD -MP -c -o $@ $<

-include $(LIBZENDO_OBJS:.o=.d) $(LIBZENDO_MNL_OBJS:.o=.d)

# The library for others: objects of its own, as they may be anywhere in memory, and only what the map names is seen.
LIBZENDO_API_OBJS := $(LIBZENDO_API_SRCS:%.c=$(O)/shared/%.o)
$(O)/libzendo.so.1: $(LIBZENDO_API_OBJS) tools/libzendo/api/libzendo.map
	$(call say,LD,$@)
	$(Q)$(CC) -shared $(LDFLAGS) -Wl,-soname,libzendo.so.1 -Wl,-z,defs -Wl,--version-script=tools/libzendo/api/libzendo.map \
		-o $@ $(LIBZENDO_API_OBJS) $(shell $(PKG_CONFIG) --libs json-c libmnl)

$(LIBZENDO_API_OBJS): $(O)/shared/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(TOOLS_CFLAGS) -fno-PIE -fPIC $(LIBZENDO_CFLAGS) -Itools/libzendo -MMD -MP -c -o $@ $<

-include $(LIBZENDO_API_OBJS:.o=.d)

guests:
	$(Q)$(MAKE) -s -C tests/guests O=$(abspath $(O))/guests

# ---- installing --------------------------------------------------------------------------------

# Where Debian's zsh looks; others' have site-functions.
zshdir ?= $(prefix)/share/zsh/vendor-completions

# Everything but the modules, below DESTDIR.
stage: hypervisor tools guests
	$(Q)install -D -m 0644 $(HV_O)/hypervisor.elf $(DESTDIR)/lib/firmware/zendo/hypervisor.elf
	$(Q)install -D -m 0755 $(O)/zendo $(DESTDIR)$(prefix)/bin/zendo
	$(Q)install -D -m 0755 $(O)/zendo-hotplug $(DESTDIR)$(prefix)/lib/zendo/zendo-hotplug
	$(Q)install -D -m 0755 tools/image/zendo-image $(DESTDIR)$(prefix)/lib/zendo/zendo-image
	$(Q)install -D -m 0755 tools/hotplug/undo-script $(DESTDIR)$(prefix)/lib/zendo/undo-script
	$(Q)install -D -m 0755 $(O)/zendo-net $(DESTDIR)$(prefix)/lib/zendo/zendo-net
	$(Q)install -D -m 0755 $(O)/zendo-run $(DESTDIR)$(prefix)/lib/zendo/zendo-run
	$(Q)install -D -m 0755 $(O)/zendo-stored $(DESTDIR)$(prefix)/lib/zendo/zendo-stored
	$(Q)install -D -m 0755 $(O)/zendo-generator $(DESTDIR)$(prefix)/lib/systemd/system-generators/zendo-generator
	$(Q)for f in systemd/*.service systemd/*.slice systemd/*.socket systemd/*.target; do \
		[ ! -e $$f ] || install -D -m 0644 $$f $(DESTDIR)/lib/systemd/system/$${f##*/}; done
	$(Q)for f in systemd/sysusers.d/*.conf systemd/tmpfiles.d/*.conf systemd/modprobe.d/*.conf; do \
		[ ! -e $$f ] || install -D -m 0644 $$f $(DESTDIR)$(prefix)/lib/$${f#systemd/}; done
	$(Q)for f in udev/*.rules; do [ ! -e $$f ] || install -D -m 0644 $$f $(DESTDIR)/lib/udev/rules.d/$${f##*/}; done
	$(Q)for f in docs/man/zendo*.[158]; do \
		[ ! -e $$f ] || install -D -m 0644 $$f $(DESTDIR)$(prefix)/share/man/man$${f##*.}/$${f##*/}; done
	$(Q)for f in docs/examples/*.cfg; do install -D -m 0644 $$f $(DESTDIR)$(prefix)/share/doc/zendo/examples/$${f##*/}; done
	$(Q)[ ! -e tools/zendo/completion/zendo.bash ] || \
		install -D -m 0644 tools/zendo/completion/zendo.bash $(DESTDIR)$(prefix)/share/bash-completion/completions/zendo
	$(Q)install -D -m 0644 $(O)/completion/_zendo $(DESTDIR)$(zshdir)/_zendo
	$(Q)install -D -m 0644 $(O)/completion/zendo.fish $(DESTDIR)$(prefix)/share/fish/vendor_completions.d/zendo.fish
	$(Q)for f in $(O)/guests/*.elf; do [ ! -e $$f ] || install -D -m 0644 $$f $(DESTDIR)$(prefix)/lib/zendo/guests/$${f##*/}; done

# The program by Xen's names, for scripts: a package of its own, since Xen's tools have the same.
stage-xl:
	$(Q)install -d $(DESTDIR)$(prefix)/sbin
	$(Q)for f in xl xm; do ln -sf ../bin/zendo $(DESTDIR)$(prefix)/sbin/$$f; done
	$(Q)install -D -m 0644 docs/man/xl.1 $(DESTDIR)$(prefix)/share/man/man1/xl.1
	$(Q)ln -sf xl.1 $(DESTDIR)$(prefix)/share/man/man1/xm.1

# The library for others, with what compiling for it wants; and the Python module.
libdir ?= $(prefix)/lib/$(shell $(CC) -print-multiarch)
stage-lib: $(O)/libzendo.so.1
	$(Q)install -D -m 0644 $< $(DESTDIR)$(libdir)/libzendo.so.1

stage-lib-dev:
	$(Q)install -d $(DESTDIR)$(libdir)/pkgconfig
	$(Q)ln -sf libzendo.so.1 $(DESTDIR)$(libdir)/libzendo.so
	$(Q)install -D -m 0644 tools/libzendo/api/zendo.h $(DESTDIR)$(prefix)/include/zendo.h
	$(Q)sed 's,@PREFIX@,$(prefix),; s,@LIBDIR@,$(libdir),; s,@VERSION@,$(VERSION),' tools/libzendo/api/libzendo.pc.in \
		> $(DESTDIR)$(libdir)/pkgconfig/libzendo.pc

stage-python:
	$(Q)for f in __init__.py py.typed; do \
		install -D -m 0644 tools/python/zendo/$$f $(DESTDIR)$(prefix)/lib/python3/dist-packages/zendo/$$f; done

install: stage stage-lib stage-lib-dev stage-python modules
	$(Q)$(MAKE) -C $(KDIR) M=$(CURDIR) $(if $(DESTDIR),INSTALL_MOD_PATH=$(DESTDIR)) INSTALL_MOD_DIR=updates/zendo modules_install
	$(Q)[ -n "$(DESTDIR)" ] || { systemd-sysusers; systemd-tmpfiles --create; systemctl daemon-reload; udevadm control --reload; ldconfig; }

uninstall:
	$(Q)[ -n "$(DESTDIR)" ] || [ ! -d /sys/module/hvpriv ] || { echo 'hvpriv is loaded: systemctl stop zendo, then make uninstall' >&2; exit 1; }
	$(Q)rm -rf $(DESTDIR)/lib/firmware/zendo $(DESTDIR)$(prefix)/lib/zendo $(DESTDIR)$(prefix)/bin/zendo \
		$(DESTDIR)/lib/modules/*/updates/zendo $(DESTDIR)$(prefix)/lib/systemd/system-generators/zendo-generator \
		$(DESTDIR)/lib/systemd/system/{zendo.service,zendo.slice,zendo.target,zendo-domain@.service,zendo-net@.service,zendo-hotplug.service,zendo-hotplug.socket,zendo-stored.service,zendo-stored.socket} \
		$(DESTDIR)$(prefix)/lib/{sysusers.d,tmpfiles.d,modprobe.d}/zendo.conf $(DESTDIR)/lib/udev/rules.d/60-zendo.rules \
		$(DESTDIR)$(libdir)/libzendo.so* $(DESTDIR)$(libdir)/pkgconfig/libzendo.pc $(DESTDIR)$(prefix)/include/zendo.h \
		$(DESTDIR)$(prefix)/lib/python3/dist-packages/zendo $(DESTDIR)$(prefix)/share/doc/zendo \
		$(DESTDIR)$(prefix)/share/man/man?/zendo* $(DESTDIR)$(prefix)/share/bash-completion/completions/zendo \
		$(DESTDIR)$(zshdir)/_zendo $(DESTDIR)$(prefix)/share/fish/vendor_completions.d/zendo.fish
	$(Q)[ -n "$(DESTDIR)" ] || { depmod; systemctl daemon-reload; }

# ---- packages ----------------------------------------------------------------------------------

# What DKMS builds the modules from, below DESTDIR, and what has it try so for each kernel that is installed.
DKMS_SOURCE = $(DESTDIR)/usr/src/zendo-$(VERSION)
stage-dkms: $(O)/include/zendo-image-digest.h
	$(Q)find Kbuild include linux LICENSES/GPL-2.0-only.txt LICENSES/MIT.txt -type f \( -name '*.[chS]' -o -name Kbuild -o -name '*.txt' \) \
		-exec sh -c 'for f; do install -D -m 0644 "$$f" "$$0/$$f"; done' $(DKMS_SOURCE) {} +
	$(Q)install -D -m 0644 $< $(DKMS_SOURCE)/build/include/zendo-image-digest.h
	$(Q)sed 's/^PACKAGE_VERSION=.*/PACKAGE_VERSION="$(VERSION)"/' dkms.conf > $(DKMS_SOURCE)/dkms.conf
	$(Q)install -D -m 0755 linux/dkms/modules $(DESTDIR)$(prefix)/lib/zendo-dkms/modules
	$(Q)sed -i 's/^version=.*/version=$(VERSION)/' $(DESTDIR)$(prefix)/lib/zendo-dkms/modules
	$(Q)for d in postinst.d header_postinst.d; do \
		install -D -m 0755 linux/dkms/kernel-hook $(DESTDIR)/etc/kernel/$$d/05-zendo-dkms; done

# The date of the files: that of the commit; in a tree without git, which came out of such a tar, the Makefile's.
SOURCE_DATE_EPOCH ?= $(shell [ -e .git ] && git log -1 --format=%ct || stat -c %Y Makefile)
DIST := $(O)/zendo-$(VERSION).tar.xz
dist_files = if [ -e .git ]; then git ls-files -z --cached --others --exclude-standard; \
	else find . -path ./$(O) -prune -o ! -type d -printf '%P\0'; fi

# Files as they are in the tree, also those that are not committed yet. xz with more threads writes other bytes.
dist:
	@mkdir -p $(O)
	$(Q)($(dist_files)) | while IFS= read -r -d '' f; do [ ! -e "$$f" ] || printf '%s\0' "$$f"; done | LC_ALL=C sort -z | \
		tar --null --no-recursion -T - --format=gnu --transform 's,^,zendo-$(VERSION)/,S' --mtime=@$(SOURCE_DATE_EPOCH) \
		--owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX -cf - | xz -6 -T1 > $(DIST)
	$(call say,TAR,$(DIST))

# In a folder of its own, from that tar: what is not in the sources is not in the packages.
deb: dist
	$(Q)rm -rf $(O)/deb && mkdir -p $(O)/deb && tar -xf $(DIST) -C $(O)/deb
	$(Q)cd $(O)/deb/zendo-$(VERSION) && env -u MAKEFLAGS -u MAKELEVEL -u O -u CHECK dpkg-buildpackage -b -us -uc -rfakeroot $(if $(Q),> ../build.log 2>&1 || \
		{ tail -n 30 ../build.log; exit 1; })
	$(Q)ls $(O)/deb/*.deb

# By a recipe that knows no names of packages: what is needed to build is not asked for. /usr/lib/rpm of Debian has no checks to run.
rpm: dist
	$(Q)rm -rf $(O)/rpm && mkdir -p $(O)/rpm
	$(Q)env -u MAKEFLAGS -u MAKELEVEL -u O -u CHECK rpmbuild -bb --define '_topdir $(abspath $(O))/rpm' \
		--define '_sourcedir $(abspath $(O))' --define 'zendo_version $(VERSION)' packaging/zendo.spec \
		$(if $(Q),> $(O)/rpm/build.log 2>&1 || { tail -n 30 $(O)/rpm/build.log; exit 1; })
	$(Q)ls $(O)/rpm/RPMS/x86_64/*.rpm

# ---- running -----------------------------------------------------------------------------------

# Packages of a fresh Debian machine; the lists stand beside what needs them.
DEPS := $(shell sed 's/\#.*//' tests/host-packages tests/vm/host-packages 2>/dev/null)
deps:
	$(Q)tests/install-deps $(foreach d,$(DEPS),'$(d)')

demo: deps
	$(Q)$(MAKE) -s -j$(JOBS) all
	$(Q)tests/demo

test: deps
	$(Q)$(MAKE) -s -j$(JOBS) all
	$(Q)tests/run

soak: deps
	$(Q)$(MAKE) -s -j$(JOBS) all
	$(Q)tests/run --soak

bench: deps
	$(Q)$(MAKE) -s -j$(JOBS) all
	$(Q)bench/run

clean:
	$(Q)rm -rf $(O)
