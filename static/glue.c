/* Stands where the dynamic loader would: starts the application, and answers dlopen() and dlsym() from a fixed table.
   Linked with glibc's archives by tool_chain.ts; its tables are made by assembly.ts and filled by bind.ts. */
#define _GNU_SOURCE
#include <link.h>
#include <netdb.h>
#include <nss.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

typedef int main_function(int, char **, char **);
typedef void start_function(int, char **, char **);
typedef void end_function(void);

extern int __libc_start_main(main_function *, int, char **, start_function *, end_function *, end_function *, void *);
extern int __nss_configure_lookup(const char *, const char *);
extern void *__libc_stack_end;

/* The application's functions that run first and last, by its dynamic section. */
extern const struct {
  start_function *init, **inits;
  uint64_t init_count;
  end_function *fini, **finis;
  uint64_t fini_count;
} glue_start_and_end;

/* Slots of the application whose values libc works out at start, by the CPU it finds. */
extern const struct { uint64_t *slot, *source; } glue_late_slots[];

/* What dlsym() answers, sorted. */
extern const struct { const char *name; void *address; } glue_names[];
extern const uint64_t glue_name_count;

static main_function *application_main;
static start_function *application_init;
static end_function *application_fini;

static void run_last(void) {
  for (uint64_t i = glue_start_and_end.fini_count; i-- > 0;) glue_start_and_end.finis[i]();
  if (glue_start_and_end.fini) glue_start_and_end.fini();
}

static int first_main(int argc, char **argv, char **envp) {
  for (unsigned i = 0; glue_late_slots[i].slot; i++) *glue_late_slots[i].slot = *glue_late_slots[i].source;
  /* Any other service would be a library of the host's, loaded into this process, for another libc. */
  __nss_configure_lookup("hosts", "files dns");
  const char *const databases[] = {"passwd", "group", "initgroups", "services", "protocols", "networks"};
  for (unsigned i = 0; i < sizeof databases / sizeof *databases; i++) __nss_configure_lookup(databases[i], "files");
  /* Bun (1.4.5) else wakes the process once a second to see whether its heap has grown: 0.3 % of a core for nothing, since
     a heap is collected as it fills, and that of a thread when it comes to rest. */
  setenv("BUN_GC_TIMER_DISABLE", "1", 0);
  if (application_init) {
    /* Start-up code of before glibc 2.34 hands over a function that runs all of them. */
    if (application_fini) atexit(application_fini);
    application_init(argc, argv, envp);
  } else {
    atexit(run_last);
    if (glue_start_and_end.init) glue_start_and_end.init(argc, argv, envp);
    for (uint64_t i = 0; i < glue_start_and_end.init_count; i++) glue_start_and_end.inits[i](argc, argv, envp);
  }
  return application_main(argc, argv, envp);
}

/* What the application's own entry calls in place of libc's. */
int glue_libc_start_main(main_function *main, int argc, char **argv, start_function *init, end_function *fini,
                         end_function *rtld_fini, void *stack_end) {
  application_main = main;
  application_init = init;
  application_fini = fini;
  return __libc_start_main(first_main, argc, argv, 0, 0, rtld_fini, stack_end);
}

static const char *dl_error;
static char libc_handle;

void *glue_dlopen(const char *file, int flags) {
  (void)flags;
  static const char *const linked[] = {"libc.", "libm.", "libpthread.", "libdl."};
  if (!file) return &libc_handle;
  for (unsigned i = 0; i < sizeof linked / sizeof *linked; i++)
    if (!strncmp(file, linked[i], strlen(linked[i]))) return &libc_handle;
  dl_error = "statically linked: no library but libc can be opened";
  return 0;
}

void *glue_dlsym(void *handle, const char *name) {
  (void)handle;
  uint64_t low = 0, high = glue_name_count;
  while (low < high) {
    uint64_t middle = (low + high) / 2;
    int order = strcmp(name, glue_names[middle].name);
    if (order == 0) return glue_names[middle].address;
    if (order < 0) high = middle;
    else low = middle + 1;
  }
  dl_error = "statically linked: libc has no such symbol";
  return 0;
}

char *glue_dlerror(void) {
  const char *error = dl_error;
  dl_error = 0;
  return (char *)error;
}

int glue_dlclose(void *handle) { return (void)handle, 0; }

int glue_dladdr(const void *address, void *info) { return (void)address, (void)info, 0; }

/* Imported, but no relocation leads here: the link has checked that. */
void *glue_tls_get_addr(void *index) {
  (void)index;
  abort();
}

/* libc finds the main thread's stack in /proc/self/maps. Where there is none: from its end and the limit on its size. */
int glue_pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes) {
  int error = pthread_getattr_np(thread, attributes);
  if (!error || !pthread_equal(thread, pthread_self()) || getpid() != gettid()) return error;
  struct rlimit limit;
  uint64_t page = getpagesize(), bytes = 8 << 20;
  uint64_t end = ((uint64_t)__libc_stack_end + page - 1) & -page;
  if (!getrlimit(RLIMIT_STACK, &limit) && limit.rlim_cur < (1ul << 30)) bytes = limit.rlim_cur & -page;
  error = pthread_attr_init(attributes);
  return error ? error : pthread_attr_setstack(attributes, (void *)(end - bytes), bytes);
}

/* Names that libc's start-up refers to and that the compiler's start files, which are not linked, would define. */
void _dl_relocate_static_pie(void) {}
void _init(void) {}
void _fini(void) {}
