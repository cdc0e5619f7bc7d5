#include "host/live.h"
#include "ticketing.h"

int main(int argc, char **argv) {
    return live_main(&ticketing_def, argc, argv);
}
