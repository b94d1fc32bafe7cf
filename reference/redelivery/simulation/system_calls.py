"""The system calls that Python needs once a submission's code runs, and what their arguments may be.

All others are refused: whatever the kernel learns to do later is not there for a submission. What is missing on purpose
although honest programs have it: new processes and programs, signals to others, network addresses, memory that counts
for nobody (``memfd_create``, System V), and everything that changes limits, priority, scheduling or owner of a process.

Numbers: x86_64, then aarch64 (arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h); ``-`` where a
machine has no such call.
"""

from __future__ import annotations

from typing import NamedTuple

_ANY = """
access:21:- alarm:37:- arch_prctl:158:- brk:12:214 capget:125:90 chdir:80:49 chmod:90:- clock_getres:229:114
clock_gettime:228:113 clock_nanosleep:230:115 close:3:57 close_range:436:436 copy_file_range:326:285 creat:85:-
dup:32:23 dup2:33:- dup3:292:24 epoll_create:213:- epoll_create1:291:20 epoll_ctl:233:21 epoll_pwait:281:22
epoll_pwait2:441:441 epoll_wait:232:- eventfd:284:- eventfd2:290:19 exit:60:93 exit_group:231:94
faccessat:269:48 faccessat2:439:439 fadvise64:221:223 fallocate:285:47 fchdir:81:50 fchmod:91:52 fchmodat:268:53
fchmodat2:-:452 fdatasync:75:83 fgetxattr:193:10 flistxattr:196:13 flock:73:32 fstat:5:80 fstatfs:138:44
fsync:74:82 ftruncate:77:46 futex:202:98 futex_waitv:449:449 futimesat:261:- get_robust_list:274:100
getcpu:309:168 getcwd:79:17 getdents:78:- getdents64:217:61 getegid:108:177 geteuid:107:175 getgid:104:176
getgroups:115:158 getitimer:36:102 getpeername:52:205 getpgid:121:155 getpgrp:111:- getpid:39:172
getppid:110:173 getpriority:140:141 getrandom:318:278 getresgid:120:150 getresuid:118:148 getrlimit:97:163
getrusage:98:165 getsid:124:156 getsockname:51:204 getsockopt:55:209 gettid:186:178 gettimeofday:96:169
getuid:102:174 getxattr:191:8 lgetxattr:192:9 link:86:- linkat:265:37 listxattr:194:11 llistxattr:195:12
lseek:8:62 lstat:6:- madvise:28:233 membarrier:324:283 mincore:27:232 mkdir:83:- mkdirat:258:34 mmap:9:222
mprotect:10:226 mremap:25:216 msync:26:227 munmap:11:215 nanosleep:35:101 newfstatat:262:79 open:2:-
openat:257:56 openat2:437:437 pause:34:- pipe:22:- pipe2:293:59 poll:7:- ppoll:271:73 pread64:17:67
preadv:295:69 preadv2:327:286 pselect6:270:72 pwrite64:18:68 pwritev:296:70 pwritev2:328:287 read:0:63
readahead:187:213 readlink:89:- readlinkat:267:78 readv:19:65 recvfrom:45:207 recvmsg:47:212 rename:82:-
renameat:264:38 renameat2:316:276 restart_syscall:219:128 rmdir:84:- rseq:334:293 rt_sigaction:13:134
rt_sigpending:127:136 rt_sigprocmask:14:135 rt_sigreturn:15:139 rt_sigsuspend:130:133 rt_sigtimedwait:128:137
sched_get_priority_max:146:125 sched_get_priority_min:147:126 sched_getaffinity:204:123 sched_getattr:315:275
sched_getparam:143:121 sched_getscheduler:145:120 sched_yield:24:124 select:23:- sendfile:40:71 sendmsg:46:211
sendto:44:206 set_robust_list:273:99 set_tid_address:218:96 setitimer:38:103 setrlimit:160:164 setsockopt:54:208
shutdown:48:210 sigaltstack:131:132 signalfd:282:- signalfd4:289:74 socketpair:53:199 stat:4:- statfs:137:43
statx:332:291 symlink:88:- symlinkat:266:36 sync_file_range:277:84 sysinfo:99:179 time:201:-
timerfd_create:283:85 timerfd_gettime:287:87 timerfd_settime:286:86 times:100:153 truncate:76:45 umask:95:166
uname:63:160 unlink:87:- unlinkat:263:35 utime:132:- utimensat:280:88 utimes:235:- wait4:61:260 waitid:247:95
write:1:64 writev:20:66
"""


class Only(NamedTuple):
    """A call that is allowed where its argument number ``argument`` is one of ``values``, or the process itself."""

    name: str
    numbers: tuple[int, int]
    argument: int
    values: tuple[int, ...]
    itself: bool = False


#: fcntl(2): descriptors, flags and locks. Not: to whom signals go (F_SETOWN), leases, the size of pipes.
_FCNTL = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1032)
#: ioctl(2): TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX.
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
#: prctl(2): the names of threads and of memory, and to look at what is in force.
_PRCTL = (3, 15, 16, 21, 23, 39, 0x53564D41)
ONLY = (
    Only("prlimit64", (302, 261), 0, (0,), itself=True),
    Only("tgkill", (234, 131), 0, (), itself=True),
    Only("fcntl", (72, 25), 1, _FCNTL),
    Only("ioctl", (16, 29), 1, _IOCTL),
    Only("prctl", (157, 167), 0, _PRCTL),
)
#: Machine → its number in audit(7), and which of the two columns is its.
MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
#: clone(2) may make a thread, nothing else; who is refused clone3(2) then calls it.
CLONE, CLONE3 = (56, 220), 435


def allowed(column: int) -> list[int]:
    """The numbers of the calls that are allowed whatever their arguments are."""
    return sorted(int(row.split(":")[1 + column]) for row in _ANY.split() if row.split(":")[1 + column] != "-")
