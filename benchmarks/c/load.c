/* An HTTP client that sends one request over and over, and checks every answer.
 *
 * usage: load [-c CONNECTIONS] [-d DEPTH] [-s SECONDS | -n REQUESTS] [-m MARKER]
 *             [-H HEADER]... PORT PATH <BODY
 *
 * Connections to 127.0.0.1 are kept alive and are all open before the first request.
 * DEPTH requests are under way on each at a time. An answer is right if its status is
 * 200 and its body holds MARKER. One thread and one epoll, so that it takes little of
 * the processor that it shares with the server.
 *
 * Prints one JSON object. "seconds" is the time from the first request to the last
 * answer; latencies are from the moment that a request was handed to the kernel.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    MOST_CONNECTIONS = 4096,
    MOST_DEPTH = 64,
    MOST_HEAD = 16384,
    READ_BYTES = 65536,
    ANSWER_SECONDS = 120, /* no answer on any connection: something is broken */
    CONNECT_BURST = 32,   /* below the backlog that Twisted listens with */
};

struct connection {
    int socket;
    int under_way;            /* requests without an answer */
    int oldest;               /* index into sent_at */
    double sent_at[MOST_DEPTH];
    char *data;               /* received and not yet understood; zero-terminated */
    size_t length, capacity;
};

static struct connection connections[MOST_CONNECTIONS];
static int connection_count = 1, depth = 1, port, poller;
static double seconds;
static long most_requests, sent, answers, wrong;
static const char *marker = "";
static char *request;
static size_t request_length;
static double *latencies;
static size_t latency_room;
static double started, ended;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *grown(void *memory, size_t bytes)
{
    memory = realloc(memory, bytes);
    if (!memory)
        fail("realloc");
    return memory;
}

static void append(const char *data, size_t length)
{
    request = grown(request, request_length + length + 1);
    memcpy(request + request_length, data, length);
    request_length += length;
    request[request_length] = 0;
}

static void append_text(const char *text)
{
    append(text, strlen(text));
}

/* --- sending ------------------------------------------------------------------- */

static void connect_one(struct connection *c)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    int on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->socket < 0 || connect(c->socket, (void *)&address, sizeof address) < 0)
        fail("connect");
    setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (epoll_ctl(poller, EPOLL_CTL_ADD, c->socket, &event) < 0)
        fail("epoll_ctl");
    c->under_way = 0;
    c->length = 0;
}

static int may_send(void)
{
    return most_requests ? sent < most_requests : now() - started < seconds;
}

static void send_some(struct connection *c)
{
    while (c->under_way < depth && may_send()) {
        c->sent_at[(c->oldest + c->under_way) % MOST_DEPTH] = now();
        if (send(c->socket, request, request_length, MSG_NOSIGNAL)
            != (ssize_t)request_length)
            return; /* the server closed; reading will tell */
        c->under_way++;
        sent++;
    }
}

/* --- receiving ----------------------------------------------------------------- */

static void answered(struct connection *c, int right, const char *text, size_t length)
{
    ended = now();
    if (c->under_way == 0) {
        fprintf(stderr, "load: an answer that nobody asked for\n");
        exit(1);
    }
    if ((size_t)answers == latency_room) {
        latency_room = latency_room ? 2 * latency_room : 4096;
        latencies = grown(latencies, latency_room * sizeof *latencies);
    }
    latencies[answers++] = ended - c->sent_at[c->oldest];
    c->oldest = (c->oldest + 1) % MOST_DEPTH;
    c->under_way--;
    if (!right && wrong++ == 0)
        fprintf(stderr, "load: wrong answer: %.*s\n", (int)(length < 2000 ? length : 2000),
                text);
}

/* The length of a chunked body with its framing, or 0 while it is not complete. */
static size_t chunked_length(const char *body, const char *end)
{
    const char *at = body;
    for (;;) {
        const char *line_end = memmem(at, end - at, "\r\n", 2);
        char *digits_end;
        if (!line_end)
            return 0;
        size_t size = strtoul(at, &digits_end, 16);
        at = line_end + 2;
        if (size + 2 > (size_t)(end - at))
            return 0;
        at += size + 2; /* the last chunk has no bytes, only the line end */
        if (size == 0)
            return at - body;
    }
}

/* The length of the first answer in these bytes, or 0 while it is not complete. */
static size_t answer_length(char *data, size_t length, size_t *head_length)
{
    char *head_end = memmem(data, length, "\r\n\r\n", 4);
    size_t body_length = 0;

    if (!head_end) {
        if (length > MOST_HEAD)
            fail("endless head");
        return 0;
    }
    *head_length = head_end + 4 - data;
    *head_end = 0;
    const char *field = strcasestr(data, "\r\ncontent-length:");
    int chunked = !field && strcasestr(data, "\r\ntransfer-encoding: chunked");
    *head_end = '\r';
    if (chunked)
        body_length = chunked_length(data + *head_length, data + length);
    else if (field)
        body_length = strtoul(strchr(field + 2, ':') + 1, NULL, 10);
    if ((chunked && body_length == 0) || length < *head_length + body_length)
        return 0;
    return *head_length + body_length;
}

static int is_right(const char *answer, size_t length, size_t head_length)
{
    return strncmp(answer, "HTTP/1.1 200 ", 13) == 0
        && memmem(answer + head_length, length - head_length, marker, strlen(marker));
}

static void take_answers(struct connection *c)
{
    char *at = c->data;
    size_t left = c->length, length, head_length;

    while ((length = answer_length(at, left, &head_length)) > 0) {
        answered(c, is_right(at, length, head_length), at, length);
        at += length;
        left -= length;
    }
    memmove(c->data, at, left + 1);
    c->length = left;
}

static void receive(struct connection *c)
{
    if (c->capacity < c->length + READ_BYTES + 1) {
        c->capacity = 2 * (c->length + READ_BYTES) + 1;
        c->data = grown(c->data, c->capacity);
    }
    ssize_t count = recv(c->socket, c->data + c->length, READ_BYTES, 0);
    if (count <= 0) { /* closed: what was under way has no answer */
        static const char closed[] = "the server closed the connection";
        while (c->under_way)
            answered(c, 0, closed, sizeof closed - 1);
        close(c->socket);
        connect_one(c);
    } else {
        c->length += count;
        c->data[c->length] = 0;
        take_answers(c);
    }
    send_some(c);
}

/* --- the run ------------------------------------------------------------------- */

static int any_under_way(void)
{
    for (int i = 0; i < connection_count; i++)
        if (connections[i].under_way)
            return 1;
    return 0;
}

static void run(void)
{
    static struct epoll_event events[MOST_CONNECTIONS];

    poller = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < connection_count; i++) {
        connect_one(&connections[i]);
        if (i % CONNECT_BURST == CONNECT_BURST - 1)
            usleep(20000);
    }
    started = ended = now();
    for (int i = 0; i < connection_count; i++)
        send_some(&connections[i]);
    while (any_under_way()) {
        int count = epoll_wait(poller, events, MOST_CONNECTIONS, ANSWER_SECONDS * 1000);
        if (count == 0) {
            errno = ETIMEDOUT;
            fail("no answer");
        }
        for (int i = 0; i < count; i++)
            receive(events[i].data.ptr);
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile_ms(double share)
{
    if (!answers)
        return 0;
    return latencies[(size_t)(share * (double)(answers - 1) + 0.5)] * 1e3;
}

static void append_body(void)
{
    static char body[1 << 20];
    char field[64];
    size_t length = fread(body, 1, sizeof body, stdin);

    snprintf(field, sizeof field, "Content-Length: %zu\r\n\r\n", length);
    append_text(field);
    append(body, length);
}

int main(int argc, char **argv)
{
    const char *headers[32];
    int option, header_count = 0;

    while ((option = getopt(argc, argv, "c:d:s:n:m:H:")) != -1) {
        switch (option) {
        case 'c': connection_count = atoi(optarg); break;
        case 'd': depth = atoi(optarg); break;
        case 's': seconds = atof(optarg); break;
        case 'n': most_requests = atol(optarg); break;
        case 'm': marker = optarg; break;
        case 'H':
            if (header_count < 32)
                headers[header_count++] = optarg;
            break;
        default: return 2;
        }
    }
    if (argc - optind != 2 || connection_count < 1 || connection_count > MOST_CONNECTIONS
        || depth < 1 || depth > MOST_DEPTH || (seconds <= 0) == (most_requests <= 0)) {
        fprintf(stderr, "load: see the usage in load.c\n");
        return 2;
    }
    port = atoi(argv[optind]);
    append_text("POST ");
    append_text(argv[optind + 1]);
    append_text(" HTTP/1.1\r\nHost: 127.0.0.1\r\n");
    for (int i = 0; i < header_count; i++) {
        append_text(headers[i]);
        append_text("\r\n");
    }
    append_body();
    run();
    qsort(latencies, answers, sizeof *latencies, by_value);
    printf("{\"answers\": %ld, \"wrong\": %ld, \"seconds\": %.6f, \"p50_ms\": %.4f, "
           "\"p99_ms\": %.4f, \"max_ms\": %.4f}\n",
           answers, wrong, ended - started, percentile_ms(0.5), percentile_ms(0.99),
           percentile_ms(1.0));
    return 0;
}
