#include "host/live.h"
#include "services/reports/reports.h"

int main(int argc, char **argv) {
    return live_main(&reports_def, argc, argv);
}
