// The first process of a pod's and of the node's namespaces: it holds them open and collects ended orphans.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void collect(int number) {
  (void)number;
  while (waitpid(-1, NULL, WNOHANG) > 0) {
  }
}

static void leave(int number) {
  (void)number;
  _exit(0);
}

int main(void) {
  struct sigaction collecting = {.sa_handler = collect, .sa_flags = SA_NOCLDSTOP};
  struct sigaction leaving = {.sa_handler = leave};
  sigaction(SIGCHLD, &collecting, NULL);
  sigaction(SIGINT, &leaving, NULL);
  sigaction(SIGTERM, &leaving, NULL);
  for (;;) {
    pause();
  }
}
