#include "host/live.h"
#include "services/bus/bus.h"

int main(int argc, char **argv) {
    return live_main(&bus_def, argc, argv);
}
