/*
 * hex.h - bytes as hexadecimal digits and back.
 */
#ifndef OTR_BASE_HEX_H
#define OTR_BASE_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Write 2 * len upper-case digits and a NUL to text. */
void otr_hex_encode(const uint8_t *bytes, size_t len, char *text);

/* The value of one digit of either case, -1 if it is none. */
int otr_hex_digit(char c);

#endif
