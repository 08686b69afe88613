/* A proxy that makes a connection long: every byte arrives `delay` after it was sent, and each
 * direction holds at most `window` bytes that are under way. It thinks of no congestion: no slow
 * start, no loss. Compiled and driven by _servers.py; Linux only (epoll, timerfd).
 *
 *     delay TARGET_PORT DELAY_MICROSECONDS WINDOW_BYTES
 *
 * It listens on a free port of 127.0.0.1, prints its number, and ends with its parent.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 64 << 10, EVENTS = 128, MOST_PIECES = 4096 };

struct piece {
  struct piece *next;
  int64_t due; /* microseconds */
  int length, sent;
  char bytes[PIECE];
};

/* One direction: from -> to. */
struct way {
  int from, to;
  struct piece *first, *last;
  int64_t held;
  int pieces;
  int readable, writable, ended, closed;
};

struct link {
  struct link *next;
  struct way out, back; /* client -> server, server -> client */
  int64_t opened;       /* when the handshake would have been through */
  int dead;
};

static int64_t delay, window;
static int poller, timer;
static struct link *links;
static struct piece *spare;

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static struct piece *take(void) {
  struct piece *one = spare;
  if (one) spare = one->next;
  else if (!(one = malloc(sizeof *one))) fail("malloc");
  one->next = NULL;
  return one;
}

static void give(struct piece *one) {
  one->next = spare;
  spare = one;
}

/* Read what is there, up to the window. Returns -1 when the connection broke. */
static int pull(struct link *link, struct way *way) {
  while (way->readable && !way->ended && way->held < window && way->pieces < MOST_PIECES) {
    struct piece *one = take();
    ssize_t got = read(way->from, one->bytes, PIECE);
    if (got <= 0) give(one);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) { way->readable = 0; break; }
    if (got < 0) return -1;
    if (got == 0) { way->ended = 1; break; }
    int64_t at = now();
    /* A request is sent one round trip after the connection was asked for. */
    if (at < link->opened) at = link->opened;
    one->due = at + delay;
    one->length = (int)got;
    one->sent = 0;
    if (way->last) way->last->next = one; else way->first = one;
    way->last = one;
    way->held += got;
    way->pieces++;
  }
  return 0;
}

/* Write what is due. Returns -1 when the connection broke. */
static int push(struct way *way, int64_t at) {
  while (way->first && way->writable && way->first->due <= at) {
    struct piece *one = way->first;
    ssize_t put = send(way->to, one->bytes + one->sent, (size_t)(one->length - one->sent),
                       MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) { way->writable = 0; break; }
    if (put < 0) return -1;
    one->sent += (int)put;
    way->held -= put;
    if (one->sent < one->length) continue;
    way->first = one->next;
    if (!way->first) way->last = NULL;
    way->pieces--;
    give(one);
  }
  if (way->ended && !way->first && !way->closed) {
    shutdown(way->to, SHUT_WR);
    way->closed = 1;
  }
  return 0;
}

static void forget(struct way *way) {
  while (way->first) {
    struct piece *one = way->first;
    way->first = one->next;
    give(one);
  }
}

static void serve(struct link *link) {
  int64_t at = now();
  struct way *ways[2] = {&link->out, &link->back};
  for (int i = 0; i < 2; i++) {
    /* Twice: what was written makes room to read. */
    if (pull(link, ways[i]) || push(ways[i], at) || pull(link, ways[i])) link->dead = 1;
  }
  if (link->out.closed && link->back.closed) link->dead = 1;
}

static void watch(int fd, void *what) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
  event.data.ptr = what;
  if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event)) fail("epoll_ctl");
}

static void quicken(int fd) {
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void open_link(int client, int port) {
  struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (server < 0 || connect(server, (struct sockaddr *)&there, sizeof there)) {
    if (server >= 0) close(server);
    close(client);
    return;
  }
  struct link *link = calloc(1, sizeof *link);
  if (!link) fail("calloc");
  quicken(client);
  quicken(server);
  link->opened = now() + 2 * delay;
  link->out = (struct way){.from = client, .to = server, .readable = 1, .writable = 1};
  link->back = (struct way){.from = server, .to = client, .readable = 1, .writable = 1};
  link->next = links;
  links = link;
  /* The lowest bit tells which end of a link an event is about. */
  watch(client, link);
  watch(server, (void *)((uintptr_t)link | 1));
}

static void note(void *what, uint32_t events) {
  struct link *link = (struct link *)((uintptr_t)what & ~(uintptr_t)1);
  int server = (int)((uintptr_t)what & 1);
  struct way *reads = server ? &link->back : &link->out;
  struct way *writes = server ? &link->out : &link->back;
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) reads->readable = 1;
  if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) writes->writable = 1;
}

/* Serve all links, close the dead, and set the timer for the next piece that is due. */
static void turn(void) {
  int64_t next = 0;
  for (struct link **at = &links; *at;) {
    struct link *link = *at;
    serve(link);
    if (link->dead) {
      close(link->out.from);
      close(link->back.from);
      forget(&link->out);
      forget(&link->back);
      *at = link->next;
      free(link);
      continue;
    }
    struct way *ways[2] = {&link->out, &link->back};
    for (int i = 0; i < 2; i++) {
      struct way *way = ways[i];
      if (way->first && way->writable && (!next || way->first->due < next)) next = way->first->due;
    }
    at = &link->next;
  }
  struct itimerspec when = {0};
  if (next) {
    when.it_value.tv_sec = next / 1000000;
    when.it_value.tv_nsec = next % 1000000 * 1000 + 1;
  }
  timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  int port = atoi(argv[1]);
  delay = atoll(argv[2]);
  window = atoll(argv[3]);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  poller = epoll_create1(EPOLL_CLOEXEC);
  timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  int door = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in here = {.sin_family = AF_INET};
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof here;
  if (poller < 0 || timer < 0 || door < 0) fail("open");
  if (bind(door, (struct sockaddr *)&here, sizeof here) || listen(door, 512)) fail("listen");
  getsockname(door, (struct sockaddr *)&here, &size);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = &door};
  epoll_ctl(poller, EPOLL_CTL_ADD, door, &event);
  event.data.ptr = &timer;
  epoll_ctl(poller, EPOLL_CTL_ADD, timer, &event);
  printf("%d\n", ntohs(here.sin_port));
  fflush(stdout);
  for (;;) {
    struct epoll_event events[EVENTS];
    int count = epoll_wait(poller, events, EVENTS, -1);
    if (count < 0 && errno != EINTR) fail("epoll_wait");
    int knocked = 0;
    for (int i = 0; i < count; i++) {
      void *what = events[i].data.ptr;
      uint64_t expired;
      if (what == &door) knocked = 1;
      else if (what == &timer) { if (read(timer, &expired, sizeof expired) < 0) continue; }
      else note(what, events[i].events);
    }
    for (int client; knocked && (client = accept4(door, NULL, NULL, SOCK_CLOEXEC)) >= 0;)
      open_link(client, port);
    turn();
  }
}
