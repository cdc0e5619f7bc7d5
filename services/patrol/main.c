#include "host/live.h"
#include "patrol.h"

int main(int argc, char **argv) {
    return live_main(&patrol_def, argc, argv);
}
