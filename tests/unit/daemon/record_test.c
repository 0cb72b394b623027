/* empty for a moment */
int main(void) { return 0; }
