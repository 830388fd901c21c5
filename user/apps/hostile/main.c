/* SPDX-License-Identifier: MIT */
int main(int count, char **arguments);
int main(int count, char **arguments)
{
    (void)count;
    (void)arguments;
    return 0;
}
