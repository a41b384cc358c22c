/* scan.h - finds the members of a JSON text by their place, without reading what they hold.
 *
 * Documents that are there already are completed with their own bytes: a number that went through a double,
 * or through a 64-bit integer, could come out as another one. So values are spans of the text. The text
 * comes from a server; what is no JSON ends the scan early and never leads outside of the text.
 *
 * Pure; a scanner is a value on the stack.
 */
#ifndef ELASTICSEARCH_SCAN_H
#define ELASTICSEARCH_SCAN_H

#include "weir/base.h"

typedef struct scanner {
    weir_str rest;
    bool is_object;
    bool is_damaged; /* it ended before the end of the object or array */
} scanner;

/* Of a text that is an object or an array; else there is nothing to step through, and it is damaged. */
scanner scan_begin(weir_str json);

/* Steps to the next member of an object (name: as it stands between its quotes, escapes and all) or item of
 * an array (name is empty). False at the end. */
bool scan_next(scanner *self, weir_str *name, weir_str *value);

/* The value of an object's last member of this name; empty when there is none. */
weir_str scan_find(weir_str json, weir_str name);

/* True when a member's name, escapes undone, is this text. */
bool scan_name_is(weir_str escaped, weir_str text);

#endif
