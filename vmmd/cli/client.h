/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The client's end of control sockets.
 */
#ifndef HVCTL_CLIENT_H
#define HVCTL_CLIENT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <sys/types.h>

/* How long to wait for an answer: more than any request takes on a busy host. */
#define CLIENT_SECONDS 20

/**
 * client_connect - connect to a control socket
 * @path: of the socket
 * @seconds: how long any call on it may take
 *
 * Return: a descriptor or a negative errno.
 */
int client_connect(const char *path, unsigned int seconds);

/** client_peer - process id of the server at the other end of @fd, or 0 */
pid_t client_peer(int fd);

/** client_request - {"cmd": @cmd}, to be extended and handed to client_call() */
struct json_object *client_request(const char *cmd);

/**
 * client_call - send a request and read its answer
 * @fd: connected
 * @request: freed
 * @answer: the answer, to be freed; NULL on failure
 * @passed: where a descriptor that comes along is put, or NULL
 *
 * Return: 0; -EPROTO when the guest's vmmd said no, its words are "error" of
 * the answer; another negative errno when there was no answer.
 */
int client_call(int fd, struct json_object *request, struct json_object **answer, int *passed);

/**
 * client_call_files - client_call(), and descriptors go along
 * @fd: connected
 * @request: freed
 * @files: stay the caller's
 * @n: entries of @files, CONTROL_FILES at most
 * @answer: as for client_call()
 */
int client_call_files(int fd, struct json_object *request, const int *files, size_t n,
		      struct json_object **answer);

/**
 * client_event - read one event of a subscribed connection
 * @fd: connected
 * @timeout_ms: as poll()
 * @event: the event, to be freed
 *
 * Return: 1, 0 at the end of the connection, -ETIMEDOUT or another errno.
 */
int client_event(int fd, int timeout_ms, struct json_object **event);

#endif /* HVCTL_CLIENT_H */
