/* request_size.c - smaller requests for a server that is slow, larger ones for one that is not. */
#include "request_size.h"

void request_size_shrink(request_size *self, size_t sent)
{
    if (sent <= self->limit && self->limit / 2 >= REQUEST_SIZE_MIN)
        self->limit /= 2;
}

void request_size_grow(request_size *self, size_t sent)
{
    if (sent >= self->limit / 2)
        self->limit += self->limit / 4;
    if (self->limit > self->most)
        self->limit = self->most;
}

void request_size_halve(request_size *self, size_t sent)
{
    if (self->most > sent / 2)
        self->most = sent / 2;
    if (self->limit > self->most)
        self->limit = self->most;
}
