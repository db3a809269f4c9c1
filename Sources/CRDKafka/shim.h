#pragma once
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <sys/prctl.h>

// Swift imports neither variadic functions nor function-like macros, so those that are needed get a plain signature here.

/// Queues a record; never blocks. The bytes are copied. On success the library owns `headers`; on an error the caller still does.
/// A null `key` or `value` pointer means a null key or value; an empty one needs a pointer that is not null.
static inline rd_kafka_resp_err_t crdkafka_produce(rd_kafka_t *client, const char *topic, int32_t partition, const void *key, size_t key_length,
                                                   const void *value, size_t value_length, rd_kafka_headers_t *headers, void *opaque) {
    if (headers) {
        return rd_kafka_producev(client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                 RD_KAFKA_V_KEY(key, key_length), RD_KAFKA_V_VALUE((void *)value, value_length), RD_KAFKA_V_HEADERS(headers),
                                 RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_END);
    }
    return rd_kafka_producev(client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                             RD_KAFKA_V_KEY(key, key_length), RD_KAFKA_V_VALUE((void *)value, value_length), RD_KAFKA_V_OPAQUE(opaque),
                             RD_KAFKA_V_END);
}

/// Names the calling thread; the system keeps the first 15 bytes.
static inline void crdkafka_name_thread(const char *name) {
    prctl(PR_SET_NAME, name, 0, 0, 0);
}
