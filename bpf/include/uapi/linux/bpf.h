#include "/virtual/include/bcc/bpf.h"
